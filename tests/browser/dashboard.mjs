// Makes a page of a Grafana dashboard, with the values that ops-tools found for its expressions. Grafana itself is not needed, and would
// draw the same panels in its own style.
//   node dashboard.mjs expressions DASHBOARD STEP           prints what ops-tools is to evaluate
//   node dashboard.mjs page DASHBOARD STEP <ANSWERS         prints the page
import fs from 'node:fs';

const [what, file, step] = process.argv.slice(2);
const dashboard = JSON.parse(fs.readFileSync(file, 'utf8'));
const panels = dashboard.panels.filter((panel) => panel.type !== 'row');

// Grafana takes four scrapes.
const expressionOf = (target) => ({
  expression: target.expr.replaceAll('$__rate_interval', `${4 * step}s`).replaceAll('$job', '.+'),
  step: Number(step),
});
const targets = panels.flatMap((panel) => panel.targets);

const palette = ['#73bf69', '#f2cc0c', '#5794f2', '#ff9830', '#b877d9', '#f2495c', '#8ab8ff', '#96d98d', '#ffb357', '#ca95e5', '#ff7383', '#37872d'];
const colors = { green: '#73bf69', orange: '#ff9830', red: '#f2495c', yellow: '#fade2a' };
const escape = (text) => `${text}`.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const legendOf = (target, labels) =>
  target.legendFormat ? target.legendFormat.replace(/{{(\w+)}}/g, (_, name) => labels[name] ?? '') : '';

function number(value) {
  const places = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return Number(value.toFixed(places)).toString();
}

function seconds(value) {
  const size = Math.abs(value);
  if (size >= 86400) return `${number(value / 86400)} d`;
  if (size >= 3600) return `${number(value / 3600)} h`;
  if (size >= 60) return `${number(value / 60)} min`;
  return size >= 1 || size === 0 ? `${number(value)} s` : `${number(value * 1000)} ms`;
}

const formats = {
  percentunit: (value) => `${number(value * 100)} %`,
  s: seconds,
  reqps: (value) => `${number(value)} req/s`,
  ops: (value) => `${number(value)} ops/s`,
  short: number,
};

const unitOf = (panel) => panel.fieldConfig?.defaults?.unit ?? 'short';

function stat(panel, lines) {
  const line = lines.find(({ values }) => values.length > 0);
  if (!line) return '<p class="none">No data</p>';
  const value = line.values.at(-1)[1];
  const steps = panel.fieldConfig.defaults.thresholds.steps;
  const reached = steps.filter((step) => step.value === null || value >= step.value).at(-1);
  const text = panel.options?.textMode === 'name' ? line.name : formats[unitOf(panel)](value);
  return `<p class="stat" style="color: ${colors[reached.color] ?? reached.color}">${escape(text)}</p>`;
}

function table(panel, lines, end) {
  const names = panel.transformations?.[0]?.options?.include?.names ?? [];
  const now = lines.filter(({ values }) => values.length > 0 && values.at(-1)[0] >= end);
  const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  const rows = now.slice(0, 8).map(({ labels }) => row(names.map((name) => labels[name] ?? ''), 'td'));
  return `<table>${row(names, 'th')}${rows.join('')}</table>`;
}

const durations = [1, 2, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800, 864000];

// Values for the axis: few, and round.
function ticksOf(low, high, unit) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const decimal = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const step = unit === 's' && rough > 1 ? (durations.find((size) => size >= rough) ?? decimal) : decimal;
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1000; tick += step) ticks.push(tick);
  return ticks;
}

function stacked(lines) {
  const below = new Map();
  return lines.map((line) => {
    const values = line.values.map(([time, value]) => {
      const base = below.get(time) ?? 0;
      below.set(time, base + value);
      return [time, base + value, base];
    });
    return { ...line, values };
  });
}

function graph(panel, found, [begin, end], width) {
  const custom = panel.fieldConfig?.defaults?.custom ?? {};
  const drawn = found.filter(({ values }) => values.length > 0);
  if (drawn.length === 0) return '<p class="none">No data</p>';
  const lines = custom.stacking?.mode === 'normal' ? stacked(drawn) : drawn;
  const all = lines.flatMap(({ values }) => values.map(([, value]) => value));
  const low = Math.min(0, ...all);
  const high = Math.max(...all) === low ? low + 1 : Math.max(...all);
  const [left, top, height] = [64, 6, 136];
  const x = (time) => left + ((time - begin) / (end - begin)) * (width - left - 8);
  const y = (value) => top + (1 - (value - low) / (high - low)) * height;
  const format = formats[unitOf(panel)];
  const grid = ticksOf(low, high, unitOf(panel)).map(
    (tick) => `<line x1="${left}" x2="${width - 8}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${left - 6}" y="${y(tick) + 4}" class="y">${format(tick)}</text>`,
  );
  const hours = [];
  for (let time = Math.ceil(begin / 14400) * 14400; time < end; time += 14400) {
    hours.push(`<text x="${x(time)}" y="${top + height + 16}" class="x">${new Date(time * 1000).toISOString().slice(11, 16)}</text>`);
  }
  // A line is broken where the series was not there.
  const path = (values, at) =>
    values
      .map(([time, ...rest], place) => {
        const joined = place > 0 && time - values[place - 1][0] <= 2 * step;
        return `${joined ? 'L' : 'M'}${x(time).toFixed(1)} ${y(at(rest)).toFixed(1)}`;
      })
      .join('');
  const areas = lines.map(({ values }, place) => {
    const color = palette[place % palette.length];
    const line = `<path d="${path(values, ([value]) => value)}" fill="none" stroke="${color}" stroke-width="1.4"/>`;
    if (values[0].length < 3) return line;
    const back = [...values].reverse().map(([time, , base]) => `L${x(time).toFixed(1)} ${y(base).toFixed(1)}`);
    return `<path d="${path(values, ([value]) => value).replaceAll(/(?!^)M/g, 'L')}${back.join('')}Z" fill="${color}" fill-opacity="0.35"/>${line}`;
  });
  const legend = lines.map(
    ({ name }, place) => `<span><i style="background: ${palette[place % palette.length]}"></i>${escape(name || panel.title)}</span>`,
  );
  return `<svg width="${width}" height="${top + height + 22}">${grid.join('')}${hours.join('')}${areas.join('')}</svg><div class="legend">${legend.join(' ')}</div>`;
}

function page(answers) {
  const times = answers.flat().flatMap(({ values }) => values.map(([time]) => time));
  const span = [Math.min(...times), Math.max(...times)];
  const [column, row, gap] = [50, 30, 8];
  let place = 0;
  const drawn = dashboard.panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const box = `left: ${x * column}px; top: ${y * row}px; width: ${w * column - gap}px; height: ${h * row - gap}px`;
    if (panel.type === 'row') return `<h2 style="${box}">${escape(panel.title)}</h2>`;
    const lines = panel.targets.flatMap((target) =>
      answers[place++].map(({ labels, values }) => ({ labels, values, name: legendOf(target, labels) })),
    );
    const draw = { stat, table, timeseries: graph }[panel.type];
    const range = panel.type === 'table' ? span[1] : span;
    const body = draw(panel, lines, range, w * column - gap - 16);
    return `<section style="${box}"><h3>${escape(panel.title)}</h3>${body}</section>`;
  });
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * row;
  return `<!doctype html><meta charset="utf-8"><title>${escape(dashboard.title)}</title><style>
body { margin: 12px; background: #111217; color: #ccccdc; font: 12px sans-serif; }
main { position: relative; width: ${24 * column}px; height: ${bottom}px; }
h1 { font-size: 18px; font-weight: 500; margin: 0 0 10px; }
h2, section { position: absolute; margin: 0; }
h2 { font-size: 14px; font-weight: 500; }
section { box-sizing: border-box; padding: 8px; overflow: hidden; background: #181b1f; border: 1px solid #2c2f36; border-radius: 2px; }
h3 { font-size: 13px; font-weight: 500; margin: 0 0 4px; }
svg line { stroke: #2c2f36; } svg text { fill: #9a9aa8; font-size: 10px; } .y { text-anchor: end; } .x { text-anchor: middle; }
.legend { max-height: 30px; overflow: hidden; } .legend span { margin-right: 12px; white-space: nowrap; font-size: 11px; }
.legend i { display: inline-block; width: 12px; height: 3px; margin-right: 5px; vertical-align: middle; }
.stat { margin: 16px 0 0; text-align: center; font-size: 26px; font-weight: 600; } .none { color: #9a9aa8; text-align: center; margin-top: 24px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 3px 8px; border-bottom: 1px solid #2c2f36; } th { color: #6e9fff; font-weight: 500; }
</style><h1>${escape(dashboard.title)}</h1><main>${drawn.join('\n')}</main>`;
}

if (what === 'expressions') console.log(JSON.stringify(targets.map(expressionOf)));
else console.log(page(JSON.parse(fs.readFileSync(0, 'utf8'))));
