// Places boxes in layers, from the inputs down. Every open group is laid out by itself, so folding stays cheap.
"use strict";

const SIZE = { row: 46, gap: 22, padX: 14, head: 26, foot: 12, box: 36 };

// nodes: [{id, w, h}], edges: [{from, to}] -> gives each node x, y (centre), each edge points; returns {w, h}.
function placeLevel(nodes, edges) {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const down = new Map(nodes.map((n) => [n.id, []]));
  const up = new Map(nodes.map((n) => [n.id, []]));
  for (const e of edges) { down.get(e.from).push(e.to); up.get(e.to).push(e.from); }
  const order = topological(nodes, down, up);
  const rank = new Map();
  for (const id of order) rank.set(id, Math.max(0, ...up.get(id).map((p) => (rank.has(p) ? rank.get(p) + 1 : 0))));
  // A source stands right above what uses it first, not at the very top.
  for (const id of order) {
    if (!up.get(id).length && down.get(id).length) {
      rank.set(id, Math.max(0, Math.min(...down.get(id).map((c) => rank.get(c))) - 1));
    }
  }
  const layers = [];
  const put = (item, r) => { (layers[r] = layers[r] || []).push(item); item.rank = r; };
  for (const id of order) put(byId.get(id), rank.get(id));
  const above = new Map(), below = new Map();
  const link = (a, b) => { (below.get(a) || below.set(a, []).get(a)).push(b); (above.get(b) || above.set(b, []).get(b)).push(a); };
  for (const e of edges) {
    let last = byId.get(e.from);
    e.chain = [last];
    for (let r = rank.get(e.from) + 1; r < rank.get(e.to); r++) {
      const bend = { w: 10, h: 0, bend: true };
      put(bend, r); link(last, bend); e.chain.push(bend); last = bend;
    }
    link(last, byId.get(e.to)); e.chain.push(byId.get(e.to));
  }
  for (let r = 0; r < layers.length; r++) layers[r] = layers[r] || [];
  sweep(layers, above, below);
  const width = assignX(layers, above, below);
  let y = 0;
  for (const layer of layers) {
    const h = Math.max(0, ...layer.map((n) => n.h));
    for (const n of layer) n.y = y + h / 2;
    y += h + SIZE.row;
  }
  for (const e of edges) e.points = e.chain.map((n) => ({ x: n.x, y: n.y, h: n.h, bend: !!n.bend }));
  return { w: width, h: Math.max(0, y - SIZE.row) };
}

function topological(nodes, down, up) {
  const waiting = new Map(nodes.map((n) => [n.id, up.get(n.id).length]));
  const ready = nodes.filter((n) => !waiting.get(n.id)).map((n) => n.id);
  const order = [], done = new Set();
  const take = (id) => {
    if (done.has(id)) return;
    done.add(id); order.push(id);
    for (const next of down.get(id)) {
      waiting.set(next, waiting.get(next) - 1);
      if (waiting.get(next) === 0) ready.push(next);
    }
  };
  for (let i = 0; i < ready.length; i++) take(ready[i]);
  for (const n of nodes) take(n.id); // a repeated block may point back at itself
  return order;
}

function sweep(layers, above, below) {
  layers.forEach((layer) => layer.forEach((n, i) => { n.at = i; }));
  for (let pass = 0; pass < 6; pass++) {
    const near = pass % 2 ? below : above;
    const list = pass % 2 ? layers.slice().reverse() : layers;
    for (const layer of list) {
      for (const n of layer) {
        const others = near.get(n) || [];
        n.pull = others.length ? others.reduce((s, o) => s + o.at, 0) / others.length : n.at;
      }
      layer.sort((a, b) => a.pull - b.pull || a.at - b.at);
      layer.forEach((n, i) => { n.at = i; });
    }
  }
}

function assignX(layers, above, below) {
  for (const layer of layers) {
    let x = 0;
    for (const n of layer) { n.x = x + n.w / 2; x += n.w + SIZE.gap; }
    const half = (x - SIZE.gap) / 2;
    for (const n of layer) n.x -= half;
  }
  for (let pass = 0; pass < 8; pass++) {
    const near = pass % 2 ? below : above;
    const list = pass % 2 ? layers.slice().reverse() : layers;
    for (const layer of list) settle(layer, near);
  }
  let left = Infinity, right = -Infinity;
  for (const layer of layers) for (const n of layer) { left = Math.min(left, n.x - n.w / 2); right = Math.max(right, n.x + n.w / 2); }
  if (left === Infinity) return 0;
  for (const layer of layers) for (const n of layer) n.x -= left;
  return right - left;
}

// Moves a row's boxes towards their neighbours, keeping order and gaps (pool adjacent violators).
function settle(layer, near) {
  const blocks = [];
  let offset = 0;
  layer.forEach((n, i) => {
    if (i) offset += (layer[i - 1].w + n.w) / 2 + SIZE.gap;
    n.off = offset;
    const others = near.get(n) || [];
    const want = others.length ? others.reduce((s, o) => s + o.x, 0) / others.length : n.x;
    blocks.push({ sum: (want - offset) * (n.bend ? 2 : 1), weight: n.bend ? 2 : 1, from: i });
    while (blocks.length > 1) {
      const b = blocks[blocks.length - 1], a = blocks[blocks.length - 2];
      if (a.sum / a.weight <= b.sum / b.weight) break;
      a.sum += b.sum; a.weight += b.weight; blocks.pop();
    }
  });
  blocks.forEach((b, k) => {
    const end = k + 1 < blocks.length ? blocks[k + 1].from : layer.length;
    for (let i = b.from; i < end; i++) layer[i].x = b.sum / b.weight + layer[i].off;
  });
}
