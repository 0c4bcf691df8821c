// Draws the data that is embedded in the page.
/* global uPlot, data */
const colors = [
  '#2f6fdb',
  '#e07b25',
  '#2a9d67',
  '#c9403a',
  '#8257c4',
  '#1c9cb0',
  '#b98d0c',
  '#c2528b',
];

const binarySteps = Array.from({ length: 50 }, (_, power) => 2 ** power);

const draw = () => {
  document.body.append(element('p', 'source', `${data.source}, ${data.at} UTC`));
  for (const picture of data.pictures) {
    const header = element('header');
    header.append(element('h1', '', picture.title), element('p', '', picture.description));
    const grid = element('div', 'grid');
    document.body.append(header, grid);
    for (const { title, top } of picture.rows) {
      const row = element('h3', 'row', title);
      row.style.gridRow = `${top + 1}`;
      grid.append(row);
    }
    for (const panel of picture.panels) drawPanel(grid, panel);
  }
};

function drawPanel(grid, panel) {
  const { x, y, w, h } = panel.place;
  const card = element('section', 'panel');
  card.style.gridArea = `${y + 1} / ${x + 1} / span ${h} / span ${w}`;
  card.title = panel.description + (panel.alert ? `\n\nWatched by ${panel.alert}` : '');
  const title = element('h2', '', panel.title);
  grid.append(card);
  if (panel.kind === 'number') return card.append(title, numberOf(panel));
  const about = element('p', 'about', panel.description);
  card.append(title, about);
  const known = panel.lines.filter(({ values }) => values.some((value) => value !== null));
  if (known.length === 0) return card.append(element('p', 'nothing', 'nothing to show'));
  const chart = element('div', 'chart');
  const legend = element('div', 'legend');
  card.append(chart, legend);
  const lines = worthShowing(known).map((line, i) => ({
    ...line,
    color: colors[i % colors.length],
  }));
  for (const { name, values, color } of lines) {
    const entry = element('span');
    const mark = element('i');
    mark.style.background = color;
    entry.append(mark, `${name} `, element('b', '', format(last(values), panel.unit)));
    legend.append(entry);
  }
  drawLines(chart, panel, lines);
}

/** Hides series that are always zero if there are many. */
function worthShowing(lines) {
  const moving = lines.filter(({ values }) => values.some((value) => value > 0));
  return lines.length > 4 && moving.length > 0 ? moving : lines;
}

function drawLines(chart, { kind, unit, times }, lines) {
  const stacked = kind === 'stacked';
  const columns = stacked ? stack(lines) : lines.map(({ values }) => values);
  const series = lines.map(({ name, color }) => ({
    label: name,
    stroke: color,
    width: 1.5,
    fill: stacked ? paler(color, 0.6) : lines.length === 1 ? paler(color, 0.85) : undefined,
    points: { show: false },
  }));
  const axis = { stroke: '#6b7280', grid: { stroke: '#eceef2', width: 1 }, ticks: { show: false } };
  const options = {
    width: chart.clientWidth,
    height: chart.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        font: '10px sans-serif',
        values: (_, ticks) => ticks.map(clock),
      },
      {
        ...axis,
        size: 58,
        ...(unit === 'bytes' && { incrs: binarySteps }),
        font: '10px sans-serif',
        values: (_, ticks) => ticks.map((tick) => format(tick, unit)),
      },
    ],
    series: [{}, ...series],
  };
  // The top series of a stack is drawn first, so that the others stay visible.
  const order = stacked ? [...columns.keys()].reverse() : [...columns.keys()];
  options.series = [{}, ...order.map((i) => series[i])];
  new uPlot(options, [times, ...order.map((i) => columns[i])], chart);
}

/** Mixed with white instead of transparent, so that series behind are hidden. */
function paler(color, share) {
  const parts = color.match(/[0-9a-f]{2}/g).map((part) => Number.parseInt(part, 16));
  return `rgb(${parts.map((part) => Math.round(part + (255 - part) * share)).join(' ')})`;
}

/** Stacks each series on top of the previous ones. */
function stack(lines) {
  const sums = [];
  return lines.map(({ values }) =>
    values.map((value, i) => {
      sums[i] = (sums[i] ?? 0) + (value ?? 0);
      return sums[i];
    }),
  );
}

function numberOf({ lines, unit, thresholds }) {
  const value = lines[0] ? last(lines[0].values) : null;
  const number = element('div', 'number', format(value, unit));
  const passed = thresholds.filter((threshold) => value !== null && value >= threshold).length;
  if (thresholds.length > 0) {
    const serious = passed === thresholds.length ? '#c9403a' : '#e07b25';
    number.style.color = passed === 0 ? '#2a9d67' : serious;
  }
  return number;
}

function clock(seconds) {
  const at = new Date(seconds * 1000);
  const two = (number) => `${number}`.padStart(2, '0');
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  return seconds % 60 === 0 ? time : `${time}:${two(at.getUTCSeconds())}`;
}

function last(values) {
  return values.findLast((value) => value !== null) ?? null;
}

function format(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 's') {
    if (value === 0) return '0';
    if (value < 0.001) return `${round(value * 1e6)} µs`;
    return value < 1 ? `${round(value * 1e3)} ms` : `${round(value)} s`;
  }
  if (unit === 'percentunit') return `${round(value * 100)} %`;
  if (unit === 'bytes') {
    const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
    return `${round(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
  }
  const text = value >= 10_000 ? `${round(value / 1000)} K` : `${round(value)}`;
  return unit === 'ops' ? `${text}/s` : text;
}

function round(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return Number(value.toFixed(digits));
}

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

draw();
