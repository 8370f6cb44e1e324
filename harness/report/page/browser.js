// The controls of "All images", and what they find.
"use strict";

evalh.PAGE = 24;  // cards at a time

evalh.orders = {
  set: "as in the data set",
  best: "explained best first",
  worst: "explained worst first",
  scores: "where A and B differ most in their score",
  maps: "where the maps of A and B differ most",
};

evalh.sorted = (run, images, c) => {
  const key = {
    set: () => 0,
    best: (i) => -run.mean(i, c.measure),
    worst: (i) => run.mean(i, c.measure),
    scores: (i) => -Math.abs(run.score(i, c.measure, c.a) - run.score(i, c.measure, c.b)),
    maps: (i) => -run.unlike(i, c.a, c.b),
  }[c.order];
  const keyed = images.map((i) => ({i, k: key(i)}));
  keyed.sort((x, y) => (isNaN(x.k) - isNaN(y.k)) || x.k - y.k || x.i - y.i);
  return keyed.map((x) => x.i);
};

evalh.wanted = (run, image, c) =>
    (c.answer === "all" ||
     (run.scored(image) && run.label(image) >= 0 && run.right(image) === (c.answer === "right"))) &&
    (c.class === "all" || run.label(image) === Number(c.class)) &&
    run.id(image).toLowerCase().includes(c.find.toLowerCase());

evalh.card = (run, image, c, open) => {
  const e = evalh.element, unit = run.data.measures.length ? run.data.measures[c.measure].unit : "";
  const article =
      e("article", {title: "Enlarge"}, e("h5", {}, run.id(image)), run.answerLine(image));
  evalh.opens(article, open);
  if (!run.has(image)) {
    article.append(
        e("p", {},
          `${unit} ${evalh.fixed(run.score(image, c.measure, c.a))}, ` +
              `${evalh.fixed(run.score(image, c.measure, c.b))} (picture not on this page)`));
    return article;
  }
  const figure = (name, note) =>
      e("figure", {}, e("canvas"), e("figcaption", {}, name, e("br"), note));
  const of = (k) =>
      figure(run.data.methods[k].name, `${unit} ${evalh.fixed(run.score(image, c.measure, k))}`);
  const three = e("div", {className: "three"}, figure("picture", ""), of(c.a), of(c.b));
  article.append(three);
  article.paint = async () => {
    const picture = await run.picture(image), [p, a, b] = three.querySelectorAll("canvas");
    if (picture) evalh.paint(p, picture, null, null, false);
    evalh.paint(a, picture, run.heat(image, c.a), null, false);
    evalh.paint(b, picture, run.heat(image, c.b), null, false);
  };
  return article;
};

// The two methods (no controls, where there are two) with the best mean over all images.
evalh.bestTwo = (run) => {
  const mean = (k) => {
    const own = run.data.rows.map((_, i) => run.score(i, 0, k)).filter((v) => !isNaN(v));
    return own.length ? own.reduce((a, b) => a + b, 0) / own.length : -Infinity;
  };
  const all = run.data.methods.map((m, k) => ({k, control: m.control, mean: mean(k)}));
  all.sort((x, y) => x.control - y.control || y.mean - x.mean);
  return [all[0].k, all[Math.min(1, all.length - 1)].k];
};

evalh.browser = (section, run) => {
  const e = evalh.element, data = run.data, rows = data.rows.map((_, i) => i);
  const [a, b] = evalh.bestTwo(run), names = data.methods.map((m, k) => [k, m.name]);
  const select = (options, value) => {
    const s = e("select", {}, ...options.map(([v, text]) => e("option", {value: v}, text)));
    s.value = value;
    return s;
  };
  const labels = [...new Set(rows.map(run.label))].filter((k) => k >= 0).sort((x, y) => x - y);
  const c = {
    answer: select([["all", "all"], ["right", "right"], ["wrong", "wrong"]], "all"),
    class: select([["all", "all"], ...labels.map((k) => [k, `${run.className(k)} (${k})`])], "all"),
    find: e("input", {type: "search", placeholder: "part of a name"}),
    a: select(names, a),
    b: select(names, b),
    measure: select(data.measures.map((m, k) => [k, m.unit]), 0),
    order: select(Object.entries(evalh.orders), "set"),
  };
  const label = (text, of, needed = true) => (needed ? [e("label", {}, text, of)] : []);
  const count = e("p", {className: "count", role: "status"}),
        found = e("div", {className: "found"});
  const what = e("p", {className: "note"}), more = e("button", {type: "button"}, "Show more");
  section.append(
      e("div", {className: "controls"}, ...label("answer", c.answer, labels.length > 0),
        ...label("class", c.class, labels.length > 0), ...label("A", c.a), ...label("B", c.b),
        ...label("score", c.measure, data.measures.length > 1), ...label("order", c.order),
        ...label("find", c.find)),
      what, count, found, e("p", {}, more));
  let list = [];
  const values = () => ({
    answer: c.answer.value,
    class: c.class.value,
    find: c.find.value,
    order: c.order.value,
    a: Number(c.a.value),
    b: Number(c.b.value),
    measure: Number(c.measure.value)
  });
  const add = () => {
    const from = found.children.length, v = values();
    const cards =
        list.slice(from, from + evalh.PAGE)
            .map((image, k) => evalh.card(run, image, v, () => evalh.enlarge(run, list, from + k)));
    found.append(...cards);
    for (const card of cards)
      if (card.paint) card.paint();
    more.hidden = found.children.length >= list.length;
  };
  const update = () => {
    const v = values();
    what.textContent = data.measures.length ? data.measures[v.measure].what : "";
    list = evalh.sorted(run, rows.filter((i) => evalh.wanted(run, i, v)), v);
    const pictures = list.filter(run.has).length;
    const kept = data.images > rows.length ? ` of ${rows.length} on this page, of a set` : "";
    count.textContent = `${list.length}${kept} of ${data.images} images` +
        (pictures < list.length ? `, ${pictures} of them with pictures or maps on this page` : "") +
        ", predicted class";
    found.replaceChildren();
    add();
  };
  for (const control of Object.values(c)) control.addEventListener("input", update);
  more.addEventListener("click", add);
  section.hidden = false;
  // the first cards are drawn when they are about to be seen
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    update();
  }, {rootMargin: "400px"});
  seen.observe(section);
};

for (const script of document.querySelectorAll("script.images")) {
  const data = JSON.parse(script.textContent), run = evalh.run(data);
  for (const article of document.querySelectorAll(`article[data-run="${data.run}"]`)) {
    const group = [...article.parentElement.querySelectorAll("article[data-image]")];
    const list = group.map((x) => data.rows.findIndex((row) => row[4] === Number(x.dataset.image)));
    evalh.opens(article, () => evalh.enlarge(run, list, group.indexOf(article)));
  }
  evalh.browser(document.querySelector(`.browser[data-run="${data.run}"]`), run);
}
