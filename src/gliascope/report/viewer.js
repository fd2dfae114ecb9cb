// The slice viewer: unpacks the sheets of slices once, then draws any plane from memory.
"use strict";

for (const root of document.querySelectorAll("[data-viewer]")) startViewer(root);

function startViewer(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const scan = JSON.parse(find("volume").textContent);
  const [X, Y, Z] = scan.size;
  const spacing = scan.spacing || [1, 1, 1];
  const screen = root.querySelector(".screen");
  const canvas = find("canvas"), profile = find("profile"), slider = find("slice");

  // u runs to the right of the screen, v down; `at` gives the voxel of slice `s`; `number` its index in the file, from 1.
  const index = (axis, s, turned) => scan.origin[axis] + (turned ? scan.size[axis] - 1 - s : s) * scan.step + 1;
  const planes = {
    axial: { w: X, h: Y, n: Z, du: spacing[0], dv: spacing[1], sides: "ALPR", axis: 2,
      at: (s, u, v) => (s * Y + v) * X + u, number: (s) => index(2, s, false) },
    coronal: { w: X, h: Z, n: Y, du: spacing[0], dv: spacing[2], sides: "SLIR", axis: 1,
      at: (s, u, v) => ((Z - 1 - v) * Y + s) * X + u, number: (s) => index(1, s, true) },
    sagittal: { w: Y, h: Z, n: X, du: spacing[1], dv: spacing[2], sides: "SPIA", axis: 0,
      at: (s, u, v) => ((Z - 1 - v) * Y + u) * X + s, number: (s) => index(0, s, true) },
  };
  const state = {
    plane: "axial", channel: scan.channel, fill: 0.28, overlay: true,
    slice: { axial: scan.start, coronal: Y >> 1, sagittal: X >> 1 },
    shown: new Set(scan.regions.map((region) => region.name)),
  };
  let labels = null;
  const gray = [];

  async function unpack(sheet, color) {
    const picture = new Image();
    picture.src = sheet.src;
    await picture.decode();
    const sheetCanvas = blank(picture.naturalWidth, picture.naturalHeight);
    const context = sheetCanvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    const bytes = color ? 3 : 1;
    const volume = new Uint8Array(X * Y * Z * bytes);
    for (let z = 0; z < Z; z++) {
      const left = (z % sheet.perRow) * X, top = Math.floor(z / sheet.perRow) * Y;
      const pixels = context.getImageData(left, top, X, Y).data;
      for (let i = 0, o = z * X * Y * bytes; i < X * Y; i++)
        for (let b = 0; b < bytes; b++) volume[o++] = pixels[4 * i + b];
    }
    return volume;
  }

  function blank(width, height) {
    const element = document.createElement("canvas");
    element.width = width;
    element.height = height;
    return element;
  }

  // ---- drawing

  const buffer = document.createElement("canvas");

  function draw() {
    const plane = planes[state.plane], slice = state.slice[state.plane];
    const volume = gray[state.channel];
    const density = window.devicePixelRatio || 1;
    const margin = scan.oriented ? 48 : 0; // room for the letters
    const side = screen.clientWidth - margin, tall = screen.clientHeight - margin;
    if (side <= 0 || tall <= 0 || !volume) return;
    const scale = Math.min(side / (plane.w * plane.du), tall / (plane.h * plane.dv));
    const width = plane.w * plane.du * scale, height = plane.h * plane.dv * scale;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");

    buffer.width = plane.w;
    buffer.height = plane.h;
    const picture = new ImageData(plane.w, plane.h);
    const color = scan.channels[state.channel].color;
    for (let v = 0, o = 0; v < plane.h; v++) for (let u = 0; u < plane.w; u++, o += 4) {
      const from = plane.at(slice, u, v);
      for (let b = 0; b < 3; b++) picture.data[o + b] = color ? volume[3 * from + b] : volume[from];
      picture.data[o + 3] = 255;
    }
    buffer.getContext("2d").putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(buffer, 0, 0, canvas.width, canvas.height);
    if (labels && state.overlay) drawRegions(context, plane, slice, canvas.width / plane.w, canvas.height / plane.h, density);
    if (scan.spacing) drawRuler(context, scale * density, density);
    words(plane, slice);
    drawProfile(plane, slice);
  }

  function drawRegions(context, plane, slice, sx, sy, density) {
    const drawn = scan.regions.filter((region) => state.shown.has(region.name));
    const own = new Int8Array(256).fill(-1); // the innermost shown region of every label
    drawn.forEach((region, i) => region.values.forEach((value) => { own[value] = i; }));
    const value = (u, v) => (u < 0 || v < 0 || u >= plane.w || v >= plane.h ? 0 : labels[plane.at(slice, u, v)]);
    context.lineJoin = "round";
    drawn.forEach((region, i) => {
      const ring = outline((u, v) => Number(own[value(u, v)] === i), plane.w, plane.h);
      context.globalAlpha = state.fill;
      context.fillStyle = region.color;
      context.fill(path(ring, sx, sy), "evenodd");
    });
    context.globalAlpha = 1;
    const lines = drawn.map((region) => {
      const inside = new Uint8Array(256);
      region.values.forEach((number) => { inside[number] = 1; });
      return path(outline((u, v) => inside[value(u, v)], plane.w, plane.h), sx, sy);
    });
    context.strokeStyle = "rgba(0, 0, 0, 0.55)";
    context.lineWidth = 3.4 * density;
    for (const line of lines) context.stroke(line);
    context.lineWidth = 1.7 * density;
    drawn.forEach((region, i) => {
      context.setLineDash(region.dashed ? [5 * density, 4 * density] : []);
      context.strokeStyle = region.color;
      context.stroke(lines[i]);
    });
    // where borders coincide, the outer ones come through again in dashes: no region hides another
    for (let i = drawn.length - 2; i >= 0; i--) {
      if (drawn[i].dashed) continue;
      context.setLineDash([6 * density, 6 * (drawn.length - 1 - i) * density]);
      context.strokeStyle = drawn[i].color;
      context.stroke(lines[i]);
    }
    context.setLineDash([]);
  }

  function drawRuler(context, pixelsPerMm, density) {
    const mm = [100, 50, 20, 10].find((length) => (length / scan.step) * pixelsPerMm < canvas.width / 3) || 10;
    const length = (mm / scan.step) * pixelsPerMm, x = 14 * density, y = canvas.height - 14 * density;
    context.lineWidth = 2 * density;
    context.strokeStyle = context.fillStyle = "rgba(255, 255, 255, 0.85)";
    context.shadowColor = "#000";
    context.shadowBlur = 3 * density;
    context.beginPath();
    context.moveTo(x, y - 4 * density);
    context.lineTo(x, y);
    context.lineTo(x + length, y);
    context.lineTo(x + length, y - 4 * density);
    context.stroke();
    context.font = `${11 * density}px system-ui, sans-serif`;
    context.fillText(`${mm} mm`, x + 4 * density, y - 7 * density);
    context.shadowBlur = 0;
  }

  function words(plane, slice) {
    ["top", "right", "bottom", "left"].forEach((side, i) => {
      root.querySelector(`[data-side="${side}"]`).textContent = scan.oriented ? plane.sides[i] : "";
    });
    find("where").textContent = plane.n > 1 ? `${plane.number(slice)} / ${scan.total[plane.axis]}` : "";
    slider.max = plane.n - 1;
    slider.value = slice;
    slider.setAttribute("aria-valuetext", find("where").textContent);
    for (const button of root.querySelectorAll("[data-plane]"))
      button.setAttribute("aria-pressed", String(button.dataset.plane === state.plane));
    for (const button of root.querySelectorAll("[data-channel]"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.channel) === state.channel));
  }

  // ---- the strip above the slider: how much of each region every slice holds

  const areas = {};

  function areaOf(name) {
    if (areas[name]) return areas[name];
    const plane = planes[name], counts = scan.regions.map(() => new Float64Array(plane.n));
    const holds = scan.regions.map((region) => Uint8Array.from({ length: 256 }, (_, i) => Number(region.values.includes(i))));
    for (let s = 0; s < plane.n; s++) for (let v = 0; v < plane.h; v++) for (let u = 0; u < plane.w; u++) {
      const value = labels[plane.at(s, u, v)];
      if (value) for (let r = 0; r < holds.length; r++) counts[r][s] += holds[r][value];
    }
    return (areas[name] = counts);
  }

  function drawProfile(plane, slice) {
    const density = window.devicePixelRatio || 1, width = profile.clientWidth, height = profile.clientHeight;
    if (!width || plane.n < 2) return;
    profile.width = Math.round(width * density);
    profile.height = Math.round(height * density);
    const context = profile.getContext("2d");
    const knob = 8, x = (s) => (knob + (s / (plane.n - 1)) * (width - 2 * knob)) * density;
    if (labels) {
      const counts = areaOf(state.plane), most = Math.max(1, ...counts.map((own) => Math.max(...own)));
      counts.forEach((own, i) => {
        if (!state.shown.has(scan.regions[i].name)) return;
        context.beginPath();
        context.moveTo(x(0), profile.height);
        own.forEach((area, s) => context.lineTo(x(s), profile.height * (1 - (0.94 * area) / most)));
        context.lineTo(x(plane.n - 1), profile.height);
        context.fillStyle = scan.regions[i].color;
        context.fill();
      });
    }
    context.fillStyle = getComputedStyle(root).color;
    context.fillRect(x(slice) - density, 0, 2 * density, profile.height);
  }

  // ---- controls

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function go(to) {
    const last = planes[state.plane].n - 1, slice = Math.min(Math.max(to, 0), last);
    const moved = slice !== state.slice[state.plane];
    state.slice[state.plane] = slice;
    redraw();
    return moved;
  }

  const step = (by) => go(state.slice[state.plane] + by);

  async function choose(channel) {
    if (!scan.channels[channel]) return;
    gray[channel] = gray[channel] || await unpack(scan.channels[channel], scan.channels[channel].color);
    state.channel = channel;
    redraw();
  }

  function turn(name) {
    if (!root.querySelector(`[data-plane="${name}"]`)) return;
    state.plane = name;
    redraw();
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  find("fill")?.addEventListener("input", (event) => { state.fill = event.target.value / 100; redraw(); });
  for (const box of root.querySelectorAll("[data-region]"))
    box.addEventListener("change", () => {
      if (box.checked) state.shown.add(box.dataset.region); else state.shown.delete(box.dataset.region);
      redraw();
    });
  for (const button of root.querySelectorAll("[data-plane]")) button.addEventListener("click", () => turn(button.dataset.plane));
  for (const button of root.querySelectorAll("[data-channel]"))
    button.addEventListener("click", () => choose(Number(button.dataset.channel)));

  let turned = 0;
  screen.addEventListener("wheel", (event) => {
    if (planes[state.plane].n < 2 || event.ctrlKey) return;
    turned += event.deltaMode ? event.deltaY * 40 : event.deltaY;
    const steps = Math.trunc(turned / 40);
    if (!steps) return event.preventDefault();
    turned -= steps * 40;
    if (step(steps)) event.preventDefault(); // at either end the page scrolls on
  }, { passive: false });

  let drag = null;
  screen.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, slice: state.slice[state.plane] }; });
  screen.addEventListener("pointermove", (event) => {
    if (!drag || !(event.buttons || event.pointerType === "touch")) return;
    const n = planes[state.plane].n;
    go(Math.round(drag.slice + ((event.clientX - drag.x) / screen.clientWidth) * n));
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) screen.addEventListener(name, () => { drag = null; });

  profile.addEventListener("pointerdown", (event) => {
    const n = planes[state.plane].n, box = profile.getBoundingClientRect();
    go(Math.round(((event.clientX - box.left - 8) / (box.width - 16)) * (n - 1)));
  });

  screen.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -1e6, End: 1e6 };
    const turns = { a: "axial", c: "coronal", s: "sagittal" };
    const name = event.key.toLowerCase();
    if (event.key in moves) step(moves[event.key]);
    else if (name in turns) turn(turns[name]);
    else if (name === "o") { state.overlay = !state.overlay; redraw(); }
    else if (/^[1-9]$/.test(name)) choose(Number(name) - 1);
    else return;
    event.preventDefault();
  });

  new ResizeObserver(redraw).observe(screen);
  window.addEventListener("beforeprint", draw);

  Promise.all([
    choose(state.channel),
    scan.labels && unpack(scan.labels, false).then((volume) => {
      labels = volume.map((value) => Math.round(value / scan.labels.step));
      // start every plane where the tumor is largest
      for (const name of ["coronal", "sagittal"]) {
        const outer = areaOf(name)[0];
        if (outer) state.slice[name] = outer.indexOf(Math.max(...outer));
      }
    }),
  ]).then(redraw);
}
