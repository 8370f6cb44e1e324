// Put at the end of a page by page_script.sh: uses it as a reader would, and writes down what it
// saw.
"use strict";
const seen = [];
const check = (what, good) => seen.push(`${good ? "ok" : "FAILED"}: ${what}`);
addEventListener("error", (event) => seen.push(`FAILED: ${event.message}, line ${event.lineno}`));
addEventListener("unhandledrejection", (event) => seen.push(`FAILED: ${event.reason}`));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const at = (element, share, type) => {
  const box = element.getBoundingClientRect();
  element.dispatchEvent(new PointerEvent(type, {
    bubbles: true,
    pointerType: "mouse",
    clientX: box.left + share * box.width,
    clientY: box.top + box.height / 2
  }));
};

const tables = () => {
  const table = [...document.querySelectorAll(".scroll > table")].find(
      (t) => t.textContent.includes("Perturbation:"));
  const heads = [...table.tHead.rows[0].cells],
        column = heads.findIndex((h) => h.textContent.startsWith("positive"));
  const read = () => [...table.tBodies[0].rows].map((r) => r.cells[column].textContent),
        before = read();
  const sorted = (list, sign) =>
      list.every((v, i) => i === 0 || sign * (Number(v) - Number(list[i - 1])) >= 0);
  heads[column].click();
  check(
      "a press sorts down",
      sorted(read(), -1) && heads[column].getAttribute("aria-sort") === "descending");
  heads[column].dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  check(
      "Enter sorts up",
      sorted(read(), 1) && heads[column].getAttribute("aria-sort") === "ascending");
  heads[column].click();
  check(
      "a third press restores",
      read().join() === before.join() && !heads[column].hasAttribute("aria-sort"));
  const words = [...table.tBodies[0].rows].length;
  heads[0].click();
  const names = [...table.tBodies[0].rows].map((r) => r.cells[0].textContent).reverse();
  check(
      "words sort by their letters",
      names.length === words &&
          names.every((v, i) => i === 0 || names[i - 1].localeCompare(v) <= 0));
  heads[0].click();
  heads[0].click();
};

const charts = () => {
  const chart = document.querySelector(".chart"), tip = document.querySelector(".tip");
  const box = chart.viewBox.baseVal, [left, right] = chart.dataset.frame.split(" ").map(Number);
  at(chart, (left + (right - left) * (30 / 90)) / box.width, "pointermove");
  const values = chart.querySelector(".series").dataset.values.split(" ")[3].split(",");
  check(
      "a curve gives its values",
      !tip.hidden && tip.textContent.includes("pixels removed: 30 %") &&
          tip.textContent.includes(`${values[1]} [${values[2]}, ${values[3]}]`));
  check(
      "all curves do",
      tip.querySelectorAll("tr").length === chart.querySelectorAll(".series").length);
  chart.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
  check("the arrow key goes on", tip.textContent.includes("pixels removed: 40 %"));
  chart.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  check("Escape ends it", tip.hidden);
  const entry = chart.closest(".panel").querySelector(".legend li[data-name]");
  entry.dispatchEvent(new PointerEvent("pointerenter"));
  check(
      "a legend brings its curve out",
      chart.classList.contains("dim") &&
          chart.querySelector(".series.on").dataset.name === entry.dataset.name);
  entry.dispatchEvent(new PointerEvent("pointerleave"));
  const bar = document.querySelector("rect[data-says]");
  bar.scrollIntoView();
  at(bar, 0.5, "pointermove");
  check(
      "a bar gives its value",
      !tip.hidden && tip.textContent === bar.dataset.says &&
          /: \d+\.\d\d \[/.test(tip.textContent));
};

const images = async () => {
  const section = document.querySelector(".browser"),
        data = JSON.parse(document.querySelector("script.images").textContent);
  section.scrollIntoView();
  const drawn = () => section.querySelector(".count").textContent;
  for (let k = 0; k < 100 && !drawn(); k++) await wait(100);
  // On a busy machine the browser's virtual time runs out before a frame is drawn, without which
  // nothing counts as seen. A reader's first input draws the part, too.
  if (!drawn()) section.querySelector("select").dispatchEvent(new Event("input"));
  const control = (name) => [...section.querySelectorAll("label")]
                                .find((l) => l.firstChild.textContent === name)
                                .querySelector("select, input");
  const set = async (name, value) => {
    control(name).value = value;
    control(name).dispatchEvent(new Event("input", {bubbles: true}));
    await wait(100);
  };
  const count = () => Number(/^\d+/.exec(section.querySelector(".count").textContent)[0]);
  const ok = data.rows.filter((r) => r[3] === 0),
        wrong = ok.filter((r) => r[1] >= 0 && r[1] !== r[2]);
  check("all images are there", count() === data.rows.length);
  await set("answer", "wrong");
  check("wrong answers can be told", wrong.length > 0 && count() === wrong.length);
  await set("answer", "right");
  check("right ones too", count() === ok.length - wrong.length);
  await set("answer", "all");
  await set("class", String(data.rows[0][1]));
  check(
      "a class can be chosen",
      count() === data.rows.filter((r) => r[1] === data.rows[0][1]).length);
  await set("class", "all");
  await set("find", data.rows[7][0].slice(-9).toUpperCase());
  check(
      "a name can be found",
      count() === 1 && section.querySelector(".found h5").textContent === data.rows[7][0]);
  await set("find", "");
  await set("A", "0");
  await set("B", "1");
  await set("order", "scores");
  const gap = (r) => Math.abs(r[5] - r[6]), most = ok.reduce((x, y) => (gap(y) > gap(x) ? y : x));
  check(
      "two methods' disagreement leads",
      section.querySelector(".found h5").textContent === most[0]);
  await set("order", "maps");
  const maps = data.maps.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  const cells = data.methods[0].grid ** 2, unlike = (k) => {
    const p = [...maps[0].subarray(k * cells, (k + 1) * cells)],
          q = [...maps[1].subarray(k * cells, (k + 1) * cells)];
    const m = (v) => v.reduce((s, t) => s + t) / cells,
          dot = (u, v) => u.reduce((s, t, i) => s + (t - m(u)) * (v[i] - m(v)), 0);
    return 1 - dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
  };
  const far =
      data.shown.map((_, k) => unlike(k)).map((v) => (isNaN(v) ? -1 : v));  // NaN: a constant map
  const best = far.indexOf(Math.max(...far));
  check(
      "so does that of their maps",
      section.querySelector(".found h5").textContent === data.rows[data.shown[best]][0]);
  section.querySelector(".found article").click();
  await wait(300);
  const dialog = document.querySelector("dialog"),
        title = () => dialog.querySelector("h3").textContent;
  const canvases = () => [...dialog.querySelectorAll("figure:not([hidden]) canvas")];
  check("a click enlarges", dialog.open && title() === data.rows[data.shown[best]][0]);
  check("with every map", canvases().length >= data.methods.length);
  // smooth: a row across holds many more colours than there are patches
  const last = canvases()[canvases().length - 1],
        row = last.getContext("2d").getImageData(0, last.height / 2, last.width, 1).data;
  const colours = new Set();
  for (let i = 0; i < row.length; i += 4) colours.add(row.slice(i, i + 3).join());
  check("in full smoothness", colours.size > 2 * data.methods[0].grid);
  const first = title();
  dialog.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
  await wait(200);
  check("the arrow key goes to the next", title() !== first);
  dialog.close();
  const card = document.querySelector(".cards article");
  card.click();
  await wait(200);
  check(
      "the best images enlarge too",
      dialog.open && title() === card.querySelector("h5").textContent);
  dialog.close();
};

(async () => {
  try {
    tables();
    charts();
    await images();
  } catch (error) {
    seen.push(`FAILED: ${error.stack}`);
  }
  document.documentElement.innerHTML = "";
  document.documentElement.append(
      Object.assign(document.createElement("pre"), {textContent: `\n${seen.join("\n")}\nended\n`}));
})();
