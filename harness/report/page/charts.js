// A figure says its values: of all curves where the pointer (a finger, the arrow keys) is, of one
// bar or dot that it is on. A name in a legend brings its curve out.
"use strict";

evalh.tip = evalh.element("div", {className: "tip", hidden: true, role: "status"});
document.body.append(evalh.tip);

evalh.showTip = (x, y, ...content) => {
  const tip = evalh.tip;
  tip.replaceChildren(...content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), margin = 12;
  const left = x + margin + box.width < innerWidth ? x + margin : x - margin - box.width;
  const top = y + margin + box.height < innerHeight ? y + margin : y - margin - box.height;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - box.width - 4))}px`;
  tip.style.top = `${Math.max(4, top)}px`;
};

// { name, colour, x: [], text: [], y: [] } of a curve; without stated values from its line.
evalh.readSeries = (g, frame) => {
  const series =
      {name: g.dataset.name, colour: g.dataset.colour, x: [], y: [], text: [], exact: false};
  if (g.dataset.values) {
    series.exact = true;
    for (const point of g.dataset.values.split(" ")) {
      const [x, y, low, high] = point.split(",");
      series.x.push(Number(x));
      series.y.push(evalh.number(y));
      series.text.push(`${y} [${low}, ${high}]`);
    }
    return series;
  }
  for (const pair of g.querySelector("polyline").getAttribute("points").trim().split(/\s+/)) {
    const [px, py] = pair.split(",").map(Number);
    series.x.push(
        frame.x0 + ((px - frame.left) / (frame.right - frame.left)) * (frame.x1 - frame.x0));
    series.y.push(
        frame.y0 + ((frame.bottom - py) / (frame.bottom - frame.top)) * (frame.y1 - frame.y0));
  }
  return series;
};

// What a curve says at x: its nearest stated point, or between the points of its line.
evalh.seriesAt = (series, x) => {
  const n = series.x.length;
  if (series.exact) {
    let k = 0;
    for (let i = 1; i < n; i++)
      if (Math.abs(series.x[i] - x) < Math.abs(series.x[k] - x)) k = i;
    return {x: series.x[k], y: series.y[k], text: series.text[k]};
  }
  for (let i = 1; i < n; i++)
    if (series.x[i - 1] <= x && x <= series.x[i]) {
      const span = series.x[i] - series.x[i - 1],
            share = span > 0 ? (x - series.x[i - 1]) / span : 0;
      const y = series.y[i - 1] + share * (series.y[i] - series.y[i - 1]);
      return {x, y, text: y.toFixed(1)};
    }
  return null;
};

evalh.curves = (svg) => {
  const [left, right, top, bottom, x0, x1, y0, y1] = svg.dataset.frame.split(" ").map(Number);
  const frame = {left, right, top, bottom, x0, x1, y0, y1};
  const all = [...svg.querySelectorAll(".series")].map((g) => evalh.readSeries(g, frame));
  const xName = (svg.querySelector(".x-name") || {textContent: ""}).textContent.replace(/, %$/, "");
  const cursor = document.createElementNS(svg.namespaceURI, "line");
  cursor.setAttribute("class", "cursor");
  let at = x0;
  const hide = () => {
    cursor.remove();
    evalh.tip.hidden = true;
  };
  const show = (x, clientX, clientY) => {
    const rows = all.map((s) => ({s, v: evalh.seriesAt(s, x)})).filter((r) => r.v && !isNaN(r.v.y));
    if (!rows.length) return;
    rows.sort((a, b) => b.v.y - a.v.y);
    at = rows[0].v.x;
    const px = left + ((at - x0) / (x1 - x0)) * (right - left);
    for (const [key, value] of Object.entries({x1: px, x2: px, y1: top, y2: bottom}))
      cursor.setAttribute(key, value);
    svg.append(cursor);
    const e = evalh.element, table = e("table");
    for (const {s, v} of rows) {
      const swatch = e("i");
      swatch.style.background = s.colour;
      table.append(e("tr", {}, e("td", {}, swatch, s.name), e("td", {}, v.text)));
    }
    evalh.showTip(
        clientX, clientY, e("b", {}, `${xName}: ${Number.isInteger(at) ? at : at.toFixed(1)} %`),
        table);
  };
  const move = (event) => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    const x = ((event.clientX - box.left) / box.width) * view.width;
    if (x < left - 8 || x > right + 8) return hide();
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    show(x0 + share * (x1 - x0), event.clientX, event.clientY);
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerdown", move);
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  svg.addEventListener("blur", hide);
  svg.tabIndex = 0;
  svg.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const size = all[0].exact ? all[0].x[1] - all[0].x[0] : (x1 - x0) / 20,
          box = svg.getBoundingClientRect();
    show(
        Math.min(x1, Math.max(x0, at + step * size)), box.left + box.width / 2,
        box.top + box.height / 2);
  });
};

// Bars and dots: the one under the pointer, or within a finger's width of it.
evalh.marks = (svg) => {
  const marks = [...svg.querySelectorAll("[data-says]")];
  let on = [];
  const leave = () => {
    for (const m of on) m.classList.remove("on");
    on = [];
    evalh.tip.hidden = true;
  };
  const move = (event) => {
    const reach = event.pointerType === "touch" ? 24 : 8;
    let best = null, least = reach;
    for (const m of marks) {
      const b = m.getBoundingClientRect();
      const dx = Math.max(b.left - event.clientX, 0, event.clientX - b.right);
      const dy = Math.max(b.top - event.clientY, 0, event.clientY - b.bottom);
      const distance = Math.hypot(dx, dy);
      if (distance < least) [best, least] = [m, distance];
    }
    leave();
    if (!best) return;
    on = marks.filter((m) => m.dataset.says === best.dataset.says);
    for (const m of on) m.classList.add("on");
    evalh.showTip(event.clientX, event.clientY, best.dataset.says);
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerdown", move);
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && leave());
};

evalh.legend = (list) => {
  const charts = [...list.closest("figure, .panel").querySelectorAll(".chart")];
  const bring = (name) => {
    for (const chart of charts) {
      const own = [...chart.querySelectorAll(".series")];
      chart.classList.toggle("dim", name !== null && own.some((s) => s.dataset.name === name));
      for (const s of own) s.classList.toggle("on", s.dataset.name === name);
    }
  };
  for (const entry of list.querySelectorAll("li[data-name]")) {
    if (!charts.some((c) => c.querySelector(".series"))) continue;
    entry.tabIndex = 0;
    for (const enter of ["pointerenter", "focus"])
      entry.addEventListener(enter, () => bring(entry.dataset.name));
    for (const leave of ["pointerleave", "blur"]) entry.addEventListener(leave, () => bring(null));
  }
};

for (const svg of document.querySelectorAll(".chart")) {
  if (svg.querySelector(".series")) evalh.curves(svg);
  if (svg.querySelector("[data-says]")) evalh.marks(svg);
}
for (const list of document.querySelectorAll(".legend")) evalh.legend(list);
addEventListener("scroll", () => (evalh.tip.hidden = true), {passive: true});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".chart")) evalh.tip.hidden = true;
});
