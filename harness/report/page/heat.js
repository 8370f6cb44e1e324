// Heat maps in full smoothness, drawn as the program draws them: patches between half-pixel
// centres, then stretched to 0 ... 1, then coloured; over the picture's greys or alone.
"use strict";

evalh.bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

evalh.axis = (at, grid, side) => {
  const x = Math.max(0, ((at + 0.5) * grid) / side - 0.5);
  const low = Math.min(Math.floor(x), grid - 1);
  return [low, Math.min(low + 1, grid - 1), x - low];
};

// patches: [grid, grid] bytes -> [side, side] in 0 ... 1; a constant map is 0.
evalh.smooth = (patches, grid, side) => {
  const out = new Float32Array(side * side), across = [];
  let lowest = Infinity, highest = -Infinity;
  for (let x = 0; x < side; x++) across.push(evalh.axis(x, grid, side));
  for (let y = 0; y < side; y++) {
    const [top, bottom, down] = across[y];
    for (let x = 0; x < side; x++) {
      const [left, right, along] = across[x];
      const a = patches[top * grid + left], b = patches[top * grid + right];
      const c = patches[bottom * grid + left], d = patches[bottom * grid + right];
      const upper = a + along * (b - a), lower = c + along * (d - c);
      const value = upper + down * (lower - upper);
      out[y * side + x] = value;
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
  }
  const span = highest - lowest;
  for (let i = 0; i < out.length; i++) out[i] = span > 0 ? (out[i] - lowest) / span : 0;
  return out;
};

evalh.stops = JSON.parse((document.getElementById("colours") || {textContent: "[]"}).textContent);

evalh.colour = (value) => {
  const last = evalh.stops.length - 1, at = value * last, k = Math.min(Math.floor(at), last - 1);
  const a = evalh.stops[k], b = evalh.stops[k + 1];
  return [0, 1, 2].map((c) => a[c] + (at - k) * (b[c] - a[c]));
};

// The pictures and masks that the page carries, by their element; decoded once.
evalh.loaded = new Map();
evalh.picture = (id) => {
  const element = document.getElementById(id);
  if (!element) return Promise.resolve(null);
  if (!evalh.loaded.has(id)) {
    const image = new Image();
    image.src = element.getAttribute("href");
    evalh.loaded.set(id, image.decode().then(() => image, () => null));
  }
  return evalh.loaded.get(id);
};

// heat: { patches, grid } or null; mask: an image or null; alone: heat without the picture.
evalh.paint = (canvas, picture, heat, mask, alone) => {
  const side = Math.max(16, Math.round(canvas.clientWidth * Math.min(2, devicePixelRatio || 1)));
  canvas.width = canvas.height = side;
  const to = canvas.getContext("2d");
  to.imageSmoothingQuality = "high";
  if (picture && !alone) to.drawImage(picture, 0, 0, side, side);
  if (mask) {
    to.globalCompositeOperation = "multiply";
    to.globalAlpha = 0.75;
    to.drawImage(mask, 0, 0, side, side);
    return;
  }
  if (!heat) return;
  const values = evalh.smooth(heat.patches, heat.grid, side),
        data = to.getImageData(0, 0, side, side);
  const share = picture && !alone ? 0.38 : 0, p = data.data;
  const table = Array.from({length: 256}, (_, i) => evalh.colour(i / 255));
  for (let i = 0; i < values.length; i++) {
    const colour = table[Math.round(255 * values[i])], k = 4 * i;
    const grey = 0.299 * p[k] + 0.587 * p[k + 1] + 0.114 * p[k + 2];
    for (let c = 0; c < 3; c++) p[k + c] = share * grey + (1 - share) * colour[c];
    p[k + 3] = 255;
  }
  to.putImageData(data, 0, 0);
};
