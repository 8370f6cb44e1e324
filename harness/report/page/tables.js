// A table sorts by the column whose head is pressed: down, up, back to the report's order. Without
// this script, and in print, it is in the report's order.
"use strict";

const evalh = {};

evalh.element = (name, attributes = {}, ...children) => {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (key in e && key !== "list")
      e[key] = value;
    else
      e.setAttribute(key, value);
  e.append(...children);
  return e;
};

// "[1.20, 3.40]" -> 1.2, "+0.50" -> 0.5, "87.3 %" -> 87.3; NaN: no number.
evalh.number = (text) => {
  const found = /^[[\s]*([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)/i.exec(text.replace("−", "-"));
  return found ? Number(found[1]) : NaN;
};

// Numbers before words, words in their alphabet, dashes last; equal ones stay as they are.
evalh.sortRows = (rows, column, direction) => {
  const key = (row) => {
    const text = row.cells[column].textContent.trim();
    return {
      row,
      text,
      number: evalh.number(text),
      none: text === "–" || text === "" || text === "n/a"
    };
  };
  const keys = rows.map(key);
  keys.sort((a, b) => {
    if (a.none !== b.none) return a.none ? 1 : -1;
    if (isNaN(a.number) !== isNaN(b.number)) return isNaN(a.number) ? 1 : -1;
    if (isNaN(a.number)) return direction * a.text.localeCompare(b.text);
    return direction * (a.number - b.number);
  });
  return keys.map((k) => k.row);
};

evalh.sortable = (table) => {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], order = [...body.rows];
  const press = (column) => {
    const head = heads[column], now = head.getAttribute("aria-sort");
    const next = now === "descending" ? "ascending" : now === "ascending" ? null : "descending";
    for (const h of heads) h.removeAttribute("aria-sort");
    if (next) head.setAttribute("aria-sort", next);
    body.append(...(next ? evalh.sortRows(order, column, next === "ascending" ? 1 : -1) : order));
  };
  heads.forEach((head, column) => {
    head.dataset.sort = "";
    head.tabIndex = 0;
    head.title = "Sort by this column";
    head.addEventListener("click", () => press(column));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        press(column);
      }
    });
  });
};

for (const table of document.querySelectorAll(".scroll > table")) evalh.sortable(table);
