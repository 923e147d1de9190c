// The page of a model: draws the graph of the data island, pans, zooms, folds, searches, shows details.
// Whatever comes from the data is put in by textContent or setAttribute, never as markup.
"use strict";

(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NS = "http://www.w3.org/2000/svg";
  // What stands at its default is left out of the data.
  const plain = (t) => Object.assign({ source: null, role: "data", dtype: "float32", masked: false }, t);
  for (const c of data.calls) {
    const full = Object.assign({ parent: null, inputs: [], outputs: [], weights: [], config: {}, losses: [], notes: [], call: 1, calls: 1,
      trainable: 0, frozen: 0, can_train: true, macs: null, flops: null, output_bytes: null }, c);
    full.path = c.path || c.name;
    full.inputs = full.inputs.map(plain); full.outputs = full.outputs.map(plain);
    Object.assign(c, full);
  }
  const calls = new Map(data.calls.map((c) => [c.id, c]));
  const children = new Map();
  for (const c of data.calls) (children.get(c.parent) || children.set(c.parent, []).get(c.parent)).push(c);
  const open = new Set(data.open);
  const same = new Map(data.same); // a repeated block's call -> the call that stands for it
  let collapse = same.size > 0;
  let view = { x: 0, y: 0, k: 1 };
  let chosen = null;
  const found = new Set(), lit = new Set();

  const canvas = document.getElementById("canvas");
  const svg = element("svg", { role: "img", "aria-label": "graph of the model" });
  const defs = element("defs", {}, svg);
  const marker = element("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, defs);
  element("path", { d: "M0,0.5 L8,4 L0,7.5 z", id: "tip" }, marker);
  const layer = element("g", {}, svg);
  canvas.appendChild(svg);

  const items = []; // every drawn thing with its place, so that only what is in view is shown
  let waiting = false, room = { width: 0, height: 0, left: 0, top: 0 };

  function keep(node, x, y, w, h) { items.push({ node, x, y, w, h, shown: true }); return node; }

  function move() {
    layer.setAttribute("transform", "translate(" + view.x + "," + view.y + ") scale(" + view.k + ")");
    layer.classList.toggle("far", view.k < 0.3);
    if (!waiting) { waiting = true; requestAnimationFrame(cull); }
  }

  function cull() {
    waiting = false;
    const left = (-view.x - 100) / view.k, top = (-view.y - 100) / view.k;
    const right = left + (room.width + 200) / view.k, bottom = top + (room.height + 200) / view.k;
    for (const item of items) {
      const shown = item.x < right && item.x + item.w > left && item.y < bottom && item.y + item.h > top;
      if (shown !== item.shown) { item.shown = shown; item.node.style.display = shown ? "" : "none"; }
    }
  }

  function measureRoom() { room = canvas.getBoundingClientRect(); if (items.length) move(); }
  new ResizeObserver(measureRoom).observe(canvas);
  measureRoom();

  function element(name, attributes, parent) {
    const made = document.createElementNS(NS, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(made);
    return made;
  }

  function write(parent, text, attributes) {
    const made = element("text", attributes, parent);
    made.textContent = text;
    return made;
  }

  // ---- what is drawn

  const hidden = (id) => collapse && same.has(id);
  const isOpen = (c) => open.has(c.id) && children.has(c.id);

  function drawn(id) { // the box in which a call's output appears
    let c = calls.get(id);
    if (!c) return null;
    if (hidden(c.id)) c = calls.get(same.get(c.id));
    const line = [c];
    while (line[0].parent !== null) line.unshift(calls.get(line[0].parent));
    for (const one of line) if (!isOpen(one)) return one.id;
    return null;
  }

  function shape(t) {
    const text = "(" + t.shape.map((n) => (n === null ? "None" : n)).join(", ") + (t.shape.length === 1 ? ",)" : ")");
    return t.dtype === "float32" ? text : text + " " + t.dtype;
  }

  function arrows() {
    const list = new Map();
    for (const c of data.calls) {
      if (hidden(c.id) || drawn(c.id) !== c.id || isOpen(c)) continue;
      for (const t of c.inputs) {
        if (t.source === null) continue;
        const from = drawn(t.source);
        if (from === null || from === c.id) continue;
        const key = from + ">" + c.id + ">" + t.role + shape(t);
        if (!list.has(key)) list.set(key, { from, to: c.id, label: shape(t), role: t.role });
      }
    }
    return [...list.values()];
  }

  function above(id) { // ids of the groups around a call, outermost first
    const line = [];
    for (let p = calls.get(id).parent; p !== null; p = calls.get(p).parent) line.unshift(p);
    return line;
  }

  function plan() {
    const levels = new Map(); // group -> {nodes, edges}
    const level = (g) => levels.get(g) || levels.set(g, { nodes: [], edges: new Map() }).get(g);
    const join = (g, from, to, a) => {
      const key = from + ">" + to, edges = level(g).edges;
      if (!edges.has(key)) edges.set(key, { from, to, labels: [], role: a.role, ends: [] });
      const e = edges.get(key);
      if (!e.labels.includes(a.label)) e.labels.push(a.label);
      if (a.role !== "mask") e.role = "data";
      e.ends.push(a.from, a.to);
    };
    for (const a of arrows()) {
      const up = [...above(a.from), a.from], down = [...above(a.to), a.to];
      let i = 0;
      while (i < up.length - 1 && i < down.length - 1 && up[i] === down[i]) i++;
      const shared = i ? up[i - 1] : null;
      join(shared, up[i], down[i], a);
      for (let k = i + 1; k < up.length; k++) join(up[k - 1], up[k], "out", a);
      for (let k = i + 1; k < down.length; k++) join(down[k - 1], "in", down[k], a);
    }
    return { levels, level };
  }

  const measure = document.createElement("canvas").getContext("2d");
  function width(text, size, weight) {
    measure.font = (weight || "") + " " + size + "px system-ui, sans-serif";
    return measure.measureText(text).width;
  }

  function labels(c) {
    const n = data.times[c.id];
    const name = c.name + (c.call > 1 ? " #" + c.call : "") + (n && collapse ? "  × " + n : "");
    const size = c.trainable + c.frozen;
    const count = size ? (c.call > 1 ? "   shared" : "   " + size.toLocaleString("en")) : "";
    return [cut(name), cut(c.kind) + count + (size && !c.can_train ? " frozen" : "")];
  }

  const cut = (text) => (text.length > 44 ? text.slice(0, 24) + "…" + text.slice(-16) : text);

  function layoutGroup(group, work) {
    const inner = (children.get(group) || []).filter((c) => !hidden(c.id));
    const here = work.level(group);
    const nodes = inner.map((c) => {
      const [name, kind] = labels(c);
      if (isOpen(c)) {
        const size = layoutGroup(c.id, work);
        c.box = size;
        return { id: c.id, w: Math.max(size.w + 2 * SIZE.padX, width(name + kind, 12, "600") + 60), h: size.h + SIZE.head + SIZE.foot };
      }
      return { id: c.id, w: Math.max(64, width(name, 12, "600") + 22, width(kind, 10) + 22) + (children.has(c.id) ? 16 : 0), h: SIZE.box };
    });
    const edges = [...here.edges.values()];
    if (edges.some((e) => e.from === "in")) nodes.unshift({ id: "in", w: 4, h: 0 });
    if (edges.some((e) => e.to === "out")) nodes.push({ id: "out", w: 4, h: 0 });
    const size = placeLevel(nodes, edges);
    here.placed = nodes; here.drawnEdges = edges; here.size = size;
    return size;
  }

  // ---- drawing

  function draw() {
    lit.clear();
    for (const id of found) { lit.add(id); const at = drawn(id); if (at !== null) lit.add(at); } // folded away: its box
    const work = plan();
    const size = layoutGroup(null, work);
    layer.textContent = "";
    items.length = 0;
    paint(null, 0, 0, layer, work);
    layer.dataset.w = size.w; layer.dataset.h = size.h;
    move();
    canvas.dataset.boxes = layer.querySelectorAll(".box").length;
  }

  function paint(group, x, y, parent, work) {
    const here = work.level(group);
    const boxes = here.placed.filter((n) => calls.has(n.id));
    for (const n of boxes) box(calls.get(n.id), n, x, y, parent, work);
    const into = new Map();
    for (const e of here.drawnEdges) into.set(e.to, (into.get(e.to) || 0) + 1);
    for (const e of here.drawnEdges) edge(e, x, y, parent, into.get(e.to) > 1);
  }

  function edge(e, x, y, parent, crowded) {
    const p = e.points.map((q) => ({ x: q.x + x, y: q.y + y, h: q.h }));
    const first = p[0], last = p[p.length - 1];
    first.y += first.h / 2; last.y -= last.h / 2;
    let d = "M" + first.x + "," + first.y;
    for (let i = 1; i < p.length; i++) {
      const mid = (p[i - 1].y + p[i].y) / 2;
      d += " C" + p[i - 1].x + "," + mid + " " + p[i].x + "," + mid + " " + p[i].x + "," + p[i].y;
    }
    const made = element("path", { d, class: "edge" + (e.role === "mask" ? " mask" : "") }, parent);
    const xs = p.map((q) => q.x), left = Math.min(...xs), right = Math.max(...xs);
    keep(made, left - 2, first.y, right - left + 4, last.y - first.y + 1);
    if (e.to !== "out") made.setAttribute("marker-end", "url(#arrow)");
    made.ends = e.ends;
    if (e.from !== "in" && e.to !== "out") {
      // Where several arrows meet, each has its label where it is still alone.
      const before = p[p.length - 2];
      const at = crowded ? { x: p[1].x * 0.25 + first.x * 0.75 + 5, y: first.y + (p[1].y - first.y) * 0.32 }
        : { x: last.x + (before.x > last.x + 30 ? -4 : 5), y: last.y - 9 };
      const text = write(parent, e.labels.join(" "), { class: "label", x: at.x, y: at.y,
        "text-anchor": !crowded && before.x > last.x + 30 ? "end" : "start" });
      keep(text, at.x - 120, at.y - 10, 240, 14);
    }
  }

  function box(c, n, x, y, parent, work) {
    const opened = isOpen(c);
    const classes = ["box", opened ? "group" : c.group];
    if (c.error) classes.push("fails");
    if (lit.has(c.id)) classes.push("found");
    if (opened && c.health) classes.push("frame-" + c.health.split(":")[0]);
    if (chosen === c.id) classes.push("chosen");
    if (c.mark) classes.push(c.mark === "added" || c.mark === "removed" ? c.mark : "changed");
    const g = element("g", { class: classes.join(" "), "data-id": c.id, tabindex: "-1" }, parent);
    const left = x + n.x - n.w / 2, top = y + n.y - n.h / 2;
    keep(g, left, top, n.w, n.h);
    const rect = element("rect", { x: left, y: top, width: n.w, height: n.h, rx: 7 }, g);
    if (!opened) rect.style.fill = "var(--" + (c.health ? "h-" + c.health.split(":")[0] : c.group) + ")";
    const [name, kind] = labels(c);
    const shift = children.has(c.id) ? 8 : 0;
    if (opened) {
      const title = write(g, name, { x: left + 26, y: top + 17, "font-weight": 600 });
      const more = element("tspan", { "font-weight": 400 }, title);
      more.textContent = "  " + kind;
      const inner = c.box;
      paint(c.id, left + (n.w - inner.w) / 2, top + SIZE.head, parent, work);
    } else {
      write(g, name, { x: x + n.x + shift, y: top + 15, "font-weight": 600 });
      write(g, kind, { x: x + n.x + shift, y: top + 28, class: "kind" });
    }
    if (children.has(c.id)) {
      const sign = write(g, opened ? "−" : "+", { x: left + 12, y: top + (opened ? 17 : 22), class: "fold" });
      sign.addEventListener("click", (event) => { event.stopPropagation(); toggle(c.id); });
    }
    g.addEventListener("click", (event) => { event.stopPropagation(); if (!dragged) choose(c.id); });
    g.addEventListener("dblclick", (event) => { event.stopPropagation(); if (children.has(c.id)) toggle(c.id); });
  }

  function toggle(id) {
    if (!open.delete(id)) open.add(id);
    draw();
  }

  // ---- moving

  function fit() {
    const w = +layer.dataset.w || 1, h = +layer.dataset.h || 1;
    measureRoom();
    const k = Math.min(1.4, (room.width - 40) / w, (room.height - 40) / h);
    view.k = Math.max(k, 0.02);
    view.x = (room.width - w * view.k) / 2; view.y = 20;
    move();
  }

  function start() { // readable size, inputs at the top
    fit();
    if (view.k < 0.6) {
      view.k = 0.9; view.x = room.width / 2 - (+layer.dataset.w * view.k) / 2; view.y = 20;
      const first = data.calls.find((c) => c.category === "input");
      move();
      if (first) centre(first.id, 60);
    }
  }

  function centre(id, top) {
    const g = layer.querySelector('[data-id="' + id + '"] > rect');
    if (!g) return;
    view.x = room.width / 2 - (+g.getAttribute("x") + g.getAttribute("width") / 2) * view.k;
    view.y = (top === undefined ? room.height / 2 : top) - +g.getAttribute("y") * view.k;
    move();
  }

  function zoom(factor, x, y) {
    const k = Math.min(4, Math.max(0.02, view.k * factor));
    view.x = x - ((x - view.x) * k) / view.k; view.y = y - ((y - view.y) * k) / view.k; view.k = k;
    move();
  }

  let grip = null, dragged = false;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - room.left, event.clientY - room.top);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => { grip = { x: event.clientX - view.x, y: event.clientY - view.y, at: [event.clientX, event.clientY] }; dragged = false; });
  window.addEventListener("pointermove", (event) => {
    if (!grip) return;
    if (Math.abs(event.clientX - grip.at[0]) + Math.abs(event.clientY - grip.at[1]) > 4) { dragged = true; canvas.classList.add("moving"); }
    view.x = event.clientX - grip.x; view.y = event.clientY - grip.y;
    move();
  });
  window.addEventListener("pointerup", () => { grip = null; canvas.classList.remove("moving"); });
  canvas.addEventListener("click", () => { if (!dragged) choose(null); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step) { view.x += step[0]; view.y += step[1]; move(); event.preventDefault(); }
    if (event.key === "+" || event.key === "=") zoom(1.25, room.width / 2, room.height / 2);
    if (event.key === "-") zoom(0.8, room.width / 2, room.height / 2);
    if (event.key === "0") fit();
  });

  // ---- details

  const side = document.getElementById("side");

  function choose(id) {
    chosen = id;
    for (const g of layer.querySelectorAll(".box")) g.classList.toggle("chosen", +g.dataset.id === id);
    for (const e of layer.querySelectorAll(".edge")) e.classList.toggle("lit", id !== null && e.ends.includes(id));
    side.textContent = "";
    side.hidden = id === null;
    if (id !== null) details(calls.get(id));
  }

  function add(name, text, parent) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    (parent || side).appendChild(made);
    return made;
  }

  function rows(title, list) {
    if (!list.length) return;
    if (title) add("h3", title);
    const table = add("table");
    for (const [key, value] of list) {
      const row = add("tr", undefined, table);
      add("td", key, row); add("td", value, row);
    }
  }

  const count = (n) => (n === null ? "unknown" : n.toLocaleString("en"));
  const figure = (n) => (typeof n === "number" ? +n.toPrecision(3) + "" : n);

  function details(c) {
    add("h2", c.name + (c.calls > 1 ? " (call " + c.call + " of " + c.calls + ")" : ""));
    rows("", [["type", c.kind], ["path", c.path]].concat(c.policy ? [["policy", c.policy]] : []));
    if (c.error) { add("h3", "Fails"); add("pre", c.error); }
    if (c.health) { add("h3", "Health in the recorded run"); add("pre", c.health); }
    if (c.mark) rows("Change", (data.changes[c.id] || [c.mark]).map((text) => [c.mark, text]));
    const name = (t) => (t.source !== null && calls.has(t.source) ? calls.get(t.source).path : t.role);
    rows("In", c.inputs.map((t) => [name(t), shape(t) + (t.masked ? ", masked" : "")]));
    rows("Out", c.outputs.map((t, i) => [i + "", shape(t) + (t.masked ? ", masked" : "")]));
    rows("Cost for a batch of " + data.batch_size, [["multiply-adds", count(c.macs)], ["flops", count(c.flops)], ["bytes out", count(c.output_bytes)]]);
    const size = c.trainable + c.frozen;
    if (size) rows("Parameters", [["trainable", count(c.trainable)], ["frozen", count(c.frozen)]]);
    for (const index of c.weights) {
      const w = data.weights[index];
      const s = w.stats;
      rows(w.path, [["shape", shape({ shape: w.shape, dtype: w.dtype }) + (w.trainable ? "" : ", frozen")]].concat(
        s ? [["mean ± std", figure(s.mean) + " ± " + figure(s.std)], ["min .. max", figure(s.min) + " .. " + figure(s.max)],
          ["norm", figure(s.norm)], ["zeros", figure(100 * s.zeros) + " %"]].concat(s.finite < 1 ? [["not finite", figure(100 * (1 - s.finite)) + " %"]] : []) : []));
    }
    rows("Settings", Object.entries(c.config).map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]));
    rows("Losses", c.losses.map((text) => ["", text]));
    if (c.source) { add("h3", "Called at " + c.source.file + ":" + c.source.line); add("pre", c.source.expression || ""); }
    if (c.defined) rows("", [["written in", c.defined.file + ":" + c.defined.line]]);
    rows("Notes", c.notes.map((text) => ["", text]));
  }

  // ---- the bar

  const search = document.getElementById("search"), result = document.getElementById("result");
  let hits = [], hit = -1;
  search.addEventListener("input", () => {
    const text = search.value.trim().toLowerCase();
    found.clear();
    hits = text ? data.calls.filter((c) => (c.path + " " + c.kind).toLowerCase().includes(text)) : [];
    for (const c of hits) found.add(c.id);
    hit = -1;
    result.textContent = text ? hits.length + " found" : "";
    draw();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; search.dispatchEvent(new Event("input")); }
    if (event.key !== "Enter" || !hits.length) return;
    hit = (hit + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
    let c = hits[hit];
    if (hidden(c.id)) c = calls.get(same.get(c.id));
    for (const id of above(c.id)) open.add(id);
    draw(); choose(c.id); centre(c.id);
    result.textContent = hit + 1 + " of " + hits.length;
  });
  const on = (id, action) => document.getElementById(id).addEventListener("click", action);
  on("fit", fit);
  on("unfold", () => { for (const c of data.calls) if (children.has(c.id)) open.add(c.id); draw(); fit(); });
  on("fold", () => { open.clear(); draw(); fit(); });
  on("theme", () => {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  });
  const repeats = document.getElementById("repeats");
  repeats.hidden = !same.size;
  repeats.addEventListener("click", () => { collapse = !collapse; repeats.textContent = collapse ? "show repeats" : "count repeats"; draw(); fit(); });

  if (matchMedia("(prefers-color-scheme: dark)").matches && !document.documentElement.dataset.theme) document.documentElement.dataset.theme = "dark";
  document.documentElement.classList.add("scripted");
  draw();
  start();
})();
