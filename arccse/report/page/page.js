"use strict";
// Sorts the tables and draws the charts. Without it the page shows everything else.

const charts = JSON.parse(document.getElementById("charts").textContent);
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 }); // of axes and swept numbers
const print = (value, format = short) => (value === null ? "–" : format.format(value).replace("-", "−"));

// ------------------------------------------------------------------------------------------------- tables

function makeSortable(table) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...[...head.childNodes].filter((node) => node.className !== "what"));
    if (!button.textContent.trim()) button.setAttribute("aria-label", "Name");
    head.prepend(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(table, head, column));
  });
}

// Scores are wanted highest first, names from A; a second click turns that round. Empty cells stay last.
function sortBy(table, head, column) {
  const numeric = head.classList.contains("number");
  const before = head.getAttribute("aria-sort");
  const first = numeric ? "descending" : "ascending";
  const second = numeric ? "ascending" : "descending";
  const order = before === first ? second : first;
  const sign = order === "ascending" ? 1 : -1;
  const key = (row) => {
    const cell = row.children[column];
    if (!numeric) return cell.textContent;
    return cell.dataset.number === undefined ? null : Number(cell.dataset.number);
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (numeric ? x - y : x.localeCompare(y, "en", { numeric: true }));
  };
  for (const body of table.tBodies) {
    body.append(...[...body.querySelectorAll("tr:not(.group)")].sort(compare));
  }
  for (const other of table.querySelectorAll("thead th")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
}

function makeTable(heads, lines, label, long) {
  const table = document.createElement("table");
  const row = table.createTHead().insertRow();
  for (const head of heads) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = head;
    row.append(cell);
  }
  const body = table.createTBody();
  for (const line of lines) {
    const own = body.insertRow();
    line.forEach((value, column) => {
      const cell = own.insertCell();
      const numeric = typeof value === "number";
      cell.textContent = typeof value === "string" ? value : print(value, Number.isInteger(value) ? short : long);
      if (numeric) cell.dataset.number = value;
      if (numeric) row.cells[column].className = "number";
    });
  }
  for (const own of body.rows) [...own.cells].forEach((cell, i) => (cell.className = row.cells[i].className));
  makeSortable(table);
  const box = document.createElement("div");
  box.className = "scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", label);
  box.append(table);
  return box;
}

// ------------------------------------------------------------------------------------------------- charts

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [12, 4], [4, 4]];
const SHAPES = ["●", "■", "▲", "◆"]; // of the legend, as MARKERS draws them
const MARKERS = [
  (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
  (c, x, y, r) => c.rect(x - r, y - r, 2 * r, 2 * r),
  (c, x, y, r) => polygon(c, [[x, y - 1.3 * r], [x + 1.2 * r, y + r], [x - 1.2 * r, y + r]]),
  (c, x, y, r) => polygon(c, [[x, y - 1.4 * r], [x + 1.4 * r, y], [x, y + 1.4 * r], [x - 1.4 * r, y]]),
];

function polygon(context, corners) {
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (index) => style(`--s${(index % 6) + 1}`);

// As many decimals as tell a hundredth of the chart's height, and two at least.
function decimals(chart) {
  const [low, high] = span(chart);
  const digits = Math.min(6, Math.max(2, 2 - Math.floor(Math.log10(high - low))));
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// What the legend says of a series at the cursor.
function reading(series, i, long) {
  if (i === null || i === undefined) return "";
  if (series.y[i] === null) return "–";
  const ends = series.low[i] === null ? "" : ` (${print(series.low[i], long)} to ${print(series.high[i], long)})`;
  const note = series.notes.length ? `; ${series.notes[i]}` : "";
  return `${print(series.y[i], long)}${ends}, n = ${series.n[i]}${note}`;
}

// The ends of the axis of values: the chart's own, or those of all that is drawn, with some air.
function span(chart) {
  if (chart.span.length) return chart.span;
  const all = chart.series.flatMap((s) => [...s.y, ...s.low, ...s.high, ...s.seeds.flat().map((seed) => seed[1])]);
  const values = all.filter((value) => value !== null).concat(chart.zero ? [0] : []);
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const air = 0.06 * (high - low) || 0.5;
  return [low - air, high + air];
}

// Intervals, seeds and marks, which uPlot leaves to its users. Series step aside a little for each other.
function drawSeries(u, chart) {
  const ratio = devicePixelRatio;
  const points = chart.kind === "points";
  const place = (x, y, aside) =>
    points
      ? [u.valToPos(y, "y", true), u.valToPos(x, "x", true) + aside]
      : [u.valToPos(x, "x", true) + aside, u.valToPos(y, "y", true)];
  const context = u.ctx;
  context.save();
  context.setLineDash([]); // uPlot leaves the last line's
  context.lineWidth = 1.6 * ratio;
  if (chart.zero) {
    context.strokeStyle = style("--soft");
    context.beginPath();
    context.moveTo(u.valToPos(0, "y", true), u.bbox.top);
    context.lineTo(u.valToPos(0, "y", true), u.bbox.top + u.bbox.height);
    context.stroke();
  }
  chart.series.forEach((series, index) => {
    context.strokeStyle = context.fillStyle = colour(index);
    const aside = asideOf(chart, index);
    const mark = (i) => {
      context.beginPath();
      MARKERS[index % MARKERS.length](context, ...place(chart.x[i], series.y[i], aside), 4.5 * ratio);
      context.fill();
    };
    if (chart.kind === "history") {
      const known = chart.x.map((_, i) => i).filter((i) => series.y[i] !== null);
      drawBand(context, chart, series, known, place);
      const few = Math.ceil(known.length / 12); // marks tell lines apart without colour; more would hide them
      return known.filter((_, i) => i % few === 0).forEach(mark);
    }
    const [lowest, highest] = span(chart);
    chart.x.forEach((x, i) => {
      if (series.y[i] === null) return;
      if (series.y[i] < lowest || series.y[i] > highest) return drawBeyond(u, chart, series, i);
      context.globalAlpha = 0.55;
      for (const [, value] of series.seeds[i] ?? []) {
        context.beginPath();
        context.arc(...place(x, value, aside), 2.5 * ratio, 0, 2 * Math.PI);
        context.stroke();
      }
      context.globalAlpha = 1;
      if (series.low[i] !== null) {
        context.beginPath();
        context.moveTo(...place(x, Math.max(series.low[i], lowest), aside));
        context.lineTo(...place(x, Math.min(series.high[i], highest), aside));
        context.stroke();
      }
      mark(i);
    });
  });
  context.restore();
}

// An arrow at the edge of the chart, and the value that is not on it.
function drawBeyond(u, chart, series, i) {
  const [context, ratio] = [u.ctx, devicePixelRatio];
  const isLow = series.y[i] < span(chart)[0];
  const sign = isLow ? 1 : -1;
  const [edge, y] = [u.bbox.left + (isLow ? 0 : u.bbox.width), u.valToPos(chart.x[i], "x", true)];
  context.beginPath();
  polygon(context, [[edge, y], [edge + sign * 9 * ratio, y - 5 * ratio], [edge + sign * 9 * ratio, y + 5 * ratio]]);
  context.fill();
  context.font = `${13 * ratio}px ${style("--sans")}`;
  context.textAlign = isLow ? "left" : "right";
  context.textBaseline = "middle";
  context.fillText(`${print(series.y[i], decimals(chart))}, off the axis`, edge + sign * 14 * ratio, y);
}

const asideOf = (chart, index) =>
  chart.kind === "curve" ? (index - (chart.series.length - 1) / 2) * 5 * devicePixelRatio : 0;

function drawBand(context, chart, series, known, place) {
  if (series.n[0] < 2 || !known.length) return;
  const upper = known.map((i) => place(chart.x[i], series.high[i], 0));
  const lower = known.map((i) => place(chart.x[i], series.low[i], 0)).reverse();
  context.globalAlpha = 0.16;
  context.beginPath();
  polygon(context, [...upper, ...lower]);
  context.fill();
  context.globalAlpha = 1;
}

// The line of a curve, moved to where its marks are.
function line(chart, index) {
  if (chart.kind === "points") return () => null;
  const straight = uPlot.paths.linear();
  return (u, ...rest) => {
    const paths = straight(u, ...rest);
    if (!paths) return paths;
    const moved = new Path2D();
    moved.addPath(paths.stroke, new DOMMatrix().translate(asideOf(chart, index), 0));
    return { ...paths, stroke: moved };
  };
}

// Long names are broken into lines of at most `width` characters.
function wrap(name, width) {
  const lines = [""];
  for (const word of name.split(" ")) {
    const joined = `${lines.at(-1)} ${word}`.trim();
    if (joined.length <= width || !lines.at(-1)) lines[lines.length - 1] = joined;
    else lines.push(word);
  }
  return lines;
}

function options(chart, width) {
  const points = chart.kind === "points";
  const font = `13px ${style("--sans")}`;
  const axis = { stroke: style("--text"), font, labelFont: font, labelSize: 22, labelGap: 0,
    grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
  const long = decimals(chart);
  const room = points ? (width < 500 ? 16 : 34) : Math.max(4, Math.floor(width / 9 / chart.x.length)); // letters
  const names = chart.categories.map((name) => wrap(name, room));
  const pen = Object.assign(document.createElement("canvas").getContext("2d"), { font });
  const longest = Math.max(0, ...names.flat().map((part) => pen.measureText(part).width));
  const ends = points ? [-0.6, chart.x.length - 0.4] : [chart.x[0], chart.x.at(-1)];
  const air = points ? 0 : chart.kind === "curve" ? 0.04 * (ends[1] - ends[0]) || 1 : 0.01 * (ends[1] - ends[0]) || 1;
  const xAxis = points
    ? { ...axis, side: 3, size: longest + 20, splits: () => chart.x, grid: { show: false },
        values: () => names.map((lines) => lines.join("\n")) }
    : names.length
      ? { ...axis, size: 17 + 17 * Math.max(...names.map((lines) => lines.length)), label: chart.x_label,
          splits: () => chart.x, values: () => names.map((lines) => lines.join("\n")) }
      : { ...axis, size: 34, label: chart.x_label, values: (_, splits) => splits.map((value) => print(value)) };
  const yAxis = { ...axis, label: chart.y_label, values: (_, splits) => splits.map((value) => print(value)),
    ...(points ? { side: 2, size: 34, space: 64 } : { size: 58 }) };
  const rows = names.reduce((sum, name) => sum + 20 + 17 * name.length, 0);
  return {
    width,
    height: points ? rows + 66 : width < 500 ? 280 : 360,
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false, x: true },
    scales: {
      x: { time: false, range: [ends[0] - air, ends[1] + air], ori: points ? 1 : 0, dir: points ? -1 : 1 },
      y: { range: span(chart), ori: points ? 0 : 1 },
    },
    axes: [xAxis, yAxis],
    series: [
      { label: chart.x_label, value: (_, x) => chart.categories[x] ?? (Number.isFinite(x) ? print(x) : "") },
      ...chart.series.map((series, i) => ({
        label: `${SHAPES[i % SHAPES.length]} ${series.label}`, stroke: colour(i), width: 1.8,
        dash: DASHES[i % DASHES.length], paths: line(chart, i),
        points: { show: false }, spanGaps: true, value: (u, value, seriesIndex, at) => reading(series, at, long),
      })),
    ],
    hooks: { draw: [(u) => drawSeries(u, chart)] },
  };
}

function values(chart) {
  const long = decimals(chart);
  const heads = [chart.x_label, "Series", "Value", "Low", "High", "Seeds", "Each seed", "Note"];
  const lines = chart.series.flatMap((series) =>
    chart.x.map((x, i) => [
      chart.categories[i] ?? x, series.label, series.y[i], series.low[i], series.high[i], series.n[i],
      (series.seeds[i] ?? []).map(([seed, value]) => `${seed}: ${print(value, long)}`).join(", "), series.notes[i] ?? "",
    ]).filter((entry) => entry[2] !== null));
  const used = heads.map((_, column) => lines.some((entry) => entry[column] !== "" && entry[column] !== null));
  const keep = (row) => row.filter((_, column) => used[column]);
  return makeTable(keep(heads), lines.map(keep), `Values of the chart: ${chart.metric}`, long);
}

const drawn = new Map(); // a study's place for a chart → the chart that is there, its plot, and what watches its width

function draw(place, chart) {
  const before = drawn.get(place);
  before?.observer.disconnect();
  before?.plot.destroy();
  place.innerHTML = '<div class="chart" tabindex="0" role="img"></div><p class="hint"></p>' +
    "<details><summary>Values of this chart</summary></details>";
  const [box, hint, details] = place.children;
  box.setAttribute("aria-label", `Chart: ${chart.metric}. Arrow keys read its values; they are also listed below it.`);
  const what = chart.kind === "history" ? "Bands" : "Bars";
  hint.textContent = `${what}: ${chart.spread}. Point, tap or use the arrow keys to read values.`;
  details.append(values(chart));
  const plot = new uPlot(options(chart, box.clientWidth), [chart.x, ...chart.series.map((s) => s.y)], box);
  box.addEventListener("keydown", (event) => moveCursor(event, plot, chart));
  const width = box.clientWidth;
  const observer = new ResizeObserver(() => {
    if (box.clientWidth && box.clientWidth !== width) draw(place, chart);
  });
  observer.observe(box);
  drawn.set(place, { chart, plot, observer });
}

function moveCursor(event, plot, chart) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = plot.cursor.idx ?? (step > 0 ? -1 : chart.x.length);
  const next = Math.min(chart.x.length - 1, Math.max(0, at + step));
  const along = plot.valToPos(chart.x[next], "x");
  plot.setCursor(chart.kind === "points" ? { left: 1, top: along } : { left: along, top: 1 });
}

// ------------------------------------------------------------------------------------------------ choices

// A study's first chart, and above it the choice of another one where there is any.
function makeChart(section) {
  const own = charts[section.dataset.study];
  const place = section.querySelector(".chart-place");
  if (!own.length) return;
  if (own.length > 1) {
    const label = document.createElement("label");
    label.className = "choice";
    const choice = document.createElement("select");
    choice.append(...own.map((chart) => new Option(chart.metric, chart.metric)));
    choice.addEventListener("change", () => {
      draw(place, own[choice.selectedIndex]);
      history.replaceState(null, "", `#${section.id}/${encodeURIComponent(choice.value)}`);
    });
    label.append("Chart ", choice);
    place.before(label);
  }
  draw(place, own[0]);
}

// "#study-main/STS average": the study, and which of its charts.
function followAddress() {
  const [id, metric] = decodeURIComponent(location.hash.slice(1)).split(/\/(.*)/s);
  const section = document.getElementById(id);
  if (!section || metric === undefined) return;
  const chart = (charts[section.dataset.study] ?? []).find((one) => one.metric === metric);
  if (chart) {
    const choice = section.querySelector(".choice select");
    if (choice) choice.value = metric;
    draw(section.querySelector(".chart-place"), chart);
  }
  section.scrollIntoView();
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll(".study").forEach(makeChart);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [place, { chart }] of [...drawn]) draw(place, chart);
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => (details.open = true)));
addEventListener("hashchange", followAddress);
followAddress();
