// Outlines of masks: marching squares with directed edges, so that every corner starts exactly one line.
"use strict";

// Returns closed loops of [x, y] in voxels; `inside(x, y)` is 0 or 1 and is asked one voxel beyond every edge.
function outline(inside, w, h) {
  const next = new Map();
  const key = (x, y) => y * (2 * w + 3) + x; // in half voxels
  for (let y = -1; y < h; y++) for (let x = -1; x < w; x++) {
    const a = inside(x, y), b = inside(x + 1, y), c = inside(x + 1, y + 1), d = inside(x, y + 1);
    const sum = a + b + c + d;
    if (sum === 0 || sum === 4) continue;
    const X0 = 2 * x + 2, Y0 = 2 * y + 2;
    const top = key(X0 + 1, Y0), right = key(X0 + 2, Y0 + 1), bottom = key(X0 + 1, Y0 + 2), left = key(X0, Y0 + 1);
    const edges = [];
    if (sum === 2 && a === c) { // two corners across: keep them apart
      if (a) edges.push([top, left], [bottom, right]); else edges.push([right, top], [left, bottom]);
    } else {
      const sides = [[a, b, top], [b, c, right], [c, d, bottom], [d, a, left]];
      const enter = sides.find(([from, to]) => !from && to), leave = sides.find(([from, to]) => from && !to);
      edges.push([leave[2], enter[2]]);
    }
    for (const [from, to] of edges) next.set(from, to);
  }
  const loops = [];
  while (next.size) {
    const first = next.keys().next().value, loop = [];
    for (let point = first; next.has(point);) {
      const to = next.get(point);
      next.delete(point);
      loop.push([(point % (2 * w + 3)) / 2 - 0.5, Math.floor(point / (2 * w + 3)) / 2 - 0.5]);
      point = to;
    }
    if (loop.length > 2) loops.push(loop);
  }
  return loops;
}

// Returns loops as one shape, scaled to pixels.
function path(loops, sx, sy) {
  const shape = new Path2D();
  for (const loop of loops) {
    // curves through the middles of the lines: corners round off by less than a quarter of a voxel
    const middle = (i) => {
      const [x0, y0] = loop[i % loop.length], [x1, y1] = loop[(i + 1) % loop.length];
      return [((x0 + x1) / 2) * sx, ((y0 + y1) / 2) * sy];
    };
    shape.moveTo(...middle(0));
    for (let i = 1; i <= loop.length; i++) {
      const [x, y] = loop[i % loop.length];
      shape.quadraticCurveTo(x * sx, y * sy, ...middle(i));
    }
    shape.closePath();
  }
  return shape;
}
