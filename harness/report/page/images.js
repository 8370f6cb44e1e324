// All images of a run: filtered, ordered, two methods side by side; one of them enlarged.
"use strict";

evalh.run = (data) => {
  const methods = data.methods.length, run = {data};
  const place = new Map(data.shown.map((image, at) => [image, at]));
  const maps = data.maps.map(evalh.bytes);
  run.score = (image, measure, method) => {
    const value = data.rows[image][5 + measure * methods + method];
    return value === null || value === undefined ? NaN : value;
  };
  run.id = (image) => data.rows[image][0];
  run.label = (image) => data.rows[image][1];
  run.answer = (image) => data.rows[image][2];
  run.scored = (image) => data.rows[image][3] === 0;
  run.right = (image) => run.label(image) >= 0 && run.label(image) === run.answer(image);
  run.className = (k) => data.classes[k] || `class ${k}`;
  run.has = (image) => place.has(image);
  run.heat = (image, method) => {
    const grid = data.methods[method].grid, cells = grid * grid;
    if (!place.has(image)) return null;
    return {
      grid,
      patches: maps[method].subarray(place.get(image) * cells, (place.get(image) + 1) * cells)
    };
  };
  run.index = (image) =>
      data.rows[image][4];  // in the data set; `image` itself is a row of the page
  const stored = (image, what) =>
      data.set ? evalh.picture(`${data.set}-${run.index(image)}${what}`) : Promise.resolve(null);
  run.picture = (image) => stored(image, "");
  run.mask = (image) => stored(image, "-mask");
  // Mean over the methods that are no controls (over all where there is nothing else).
  run.mean = (image, measure) => {
    let own = data.methods.map((m, k) => (m.control ? NaN : run.score(image, measure, k)));
    if (own.every(isNaN)) own = data.methods.map((m, k) => run.score(image, measure, k));
    own = own.filter((v) => !isNaN(v));
    return own.length ? own.reduce((a, b) => a + b, 0) / own.length : NaN;
  };
  // 1 - correlation of two maps over the patches of the coarser one: 0 alike, 2 opposite.
  run.unlike = (image, a, b) => {
    const x = run.heat(image, a), y = run.heat(image, b);
    if (!x || !y) return NaN;
    const side = Math.min(x.grid, y.grid);
    const p = evalh.smooth(x.patches, x.grid, side), q = evalh.smooth(y.patches, y.grid, side);
    const mean = (v) => v.reduce((s, t) => s + t, 0) / v.length, mp = mean(p), mq = mean(q);
    let pq = 0, pp = 0, qq = 0;
    for (let i = 0; i < p.length; i++) {
      pq += (p[i] - mp) * (q[i] - mq);
      pp += (p[i] - mp) ** 2;
      qq += (q[i] - mq) ** 2;
    }
    return pp > 0 && qq > 0 ? 1 - pq / Math.sqrt(pp * qq) : NaN;
  };
  run.answerLine = (image) => {
    const e = evalh.element, line = e("p"), label = run.label(image),
          answer = run.className(run.answer(image));
    if (!run.scored(image)) return e("p", {className: "wrong"}, "could not be read");
    if (label < 0)
      line.append(`answered ${answer}`);
    else if (run.right(image))
      line.append(run.className(label), " ", e("span", {className: "right"}, "✓ right"));
    else
      line.append(
          run.className(label), " ", e("span", {className: "wrong"}, `✗ answered ${answer}`));
    return line;
  };
  return run;
};

evalh.fixed = (value) => (isNaN(value) ? "–" : value.toFixed(1).replace(/^-(0\.0)$/, "$1"));

// --- one image, enlarged ------------------------------------------------------------------------

evalh.dialog = null;

evalh.buildDialog = () => {
  const e = evalh.element, d = e("dialog"),
        button = (text, title) => e("button", {type: "button", title}, text);
  d.parts = {
    title: e("h3"),
    line: e("div"),
    large: e("div", {className: "large"}),
    before: button("←", "the image before (left arrow)"),
    after: button("→", "the next image (right arrow)"),
    alone: e("input", {type: "checkbox"}),
    close: button("✕", "close (Escape)")
  };
  const p = d.parts;
  d.append(
      e("header", {}, p.title, p.line, e("label", {}, p.alone, " heat alone"), p.before, p.after,
        p.close),
      p.large);
  p.close.addEventListener("click", () => d.close());
  p.before.addEventListener("click", () => d.step(-1));
  p.after.addEventListener("click", () => d.step(1));
  p.alone.addEventListener("change", () => d.paint());
  d.addEventListener("click", (event) => event.target === d && d.close());
  d.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step && event.target.type !== "checkbox") d.step(step);
  });
  d.step = (by) => {
    d.at = (d.at + by + d.list.length) % d.list.length;
    d.fill();
  };
  d.fill = () => {
    const run = d.run, image = d.list[d.at], {methods, measures} = run.data;
    p.title.textContent = run.id(image);
    p.line.replaceChildren(run.answerLine(image));
    const figure = (name, note) => {
      const canvas = e("canvas", {role: "img", ariaLabel: `${name}, ${run.id(image)}`});
      return {
        canvas,
        element: e("figure", {}, canvas, e("figcaption", {}, name, " ", e("span", {}, note)))
      };
    };
    d.figures =
        [{...figure("picture", ""), kind: "picture"}, {...figure("mask", ""), kind: "mask"}];
    methods.forEach((m, k) => {
      const note =
          measures.map((s, i) => `${s.unit} ${evalh.fixed(run.score(image, i, k))}`).join(" · ");
      d.figures.push({...figure(m.name, note), kind: "heat", method: k});
    });
    p.large.replaceChildren(...d.figures.map((f) => f.element));
    d.paint();
  };
  d.paint = async () => {
    const run = d.run, image = d.list[d.at], figures = d.figures;
    const [picture, mask] = await Promise.all([run.picture(image), run.mask(image)]);
    if (figures !== d.figures) return;
    for (const f of figures) {
      f.element.hidden = (f.kind === "picture" && !picture) || (f.kind === "mask" && !mask);
      const heat = f.kind === "heat" ? run.heat(image, f.method) : null;
      if (f.kind === "heat" && !heat) f.element.hidden = true;
      if (!f.element.hidden)
        evalh.paint(
            f.canvas, picture, heat, f.kind === "mask" ? mask : null, heat && p.alone.checked);
    }
    if (figures.every((f) => f.element.hidden))
      p.large.replaceChildren(
          e("p", {className: "note"},
            "This page does not carry the pictures and maps of this image."));
  };
  document.body.append(d);
  return d;
};

evalh.enlarge = (run, list, at) => {
  const d = (evalh.dialog = evalh.dialog || evalh.buildDialog());
  Object.assign(d, {run, list, at});
  if (!d.open) d.showModal();
  d.parts.after.focus();
  d.fill();
};

// What opens an image when it is pressed or Enter is.
evalh.opens = (element, open) => {
  element.tabIndex = 0;
  element.addEventListener("click", open);
  element.addEventListener(
      "keydown", (event) => event.key === "Enter" && event.target === element && open());
};
