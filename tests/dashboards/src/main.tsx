// Draws one dashboard with Grafana's own components, from a real Prometheus. The page asks the
// server beside it: /board.json, and /api/… for what Prometheus says.
import React from 'react';
import { createRoot } from 'react-dom/client';
import {
  applyFieldOverrides, createTheme, dateTime, FieldConfigOptionsRegistry, FieldType,
  getDisplayProcessor, ThemeContext, toDataFrame, VizOrientation,
} from '@grafana/data';
import * as UI from '@grafana/ui';

const { BarGauge, BigValue, PanelChrome, TimeSeries, GlobalStyles } = UI as any;
const page = new URLSearchParams(location.search);
const to = Number(page.get('to')) * 1000, from = to - Number(page.get('span')) * 1000;
const WIDTH = 1400, COLUMN = WIDTH / 24, ROW = 36;
const theme = createTheme({ colors: { mode: 'dark' } });
const style = document.body.style;
style.background = theme.colors.background.canvas;
style.margin = '8px';
style.fontFamily = theme.typography.fontFamily;
style.color = theme.colors.text.primary;

const VARIABLES: Record<string, string> = {
  $__rate_interval: '15s', $__interval: '5s', $job: '.+', $instance: '.+',
};

async function ask(path: string, query: Record<string, string>) {
  const answer = await (await fetch(`/api/v1/${path}?${new URLSearchParams(query)}`)).json();
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data.result;
}

function legend(format: string, labels: any) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_: string, key: string) => labels[key] ?? '');
}

// One frame a series.
async function frames(panel: any) {
  const found: any[] = [];
  for (const target of panel.targets) {
    let query = target.expr;
    for (const [name, value] of Object.entries(VARIABLES)) query = query.split(name).join(value);
    const step = String(Math.max(1, Math.round((to - from) / 200_000)));
    const series = target.instant
      ? (await ask('query', { query, time: String(to / 1000) }))
        .map((s: any) => ({ ...s, values: [s.value] }))
      : await ask('query_range', { query, step, start: String(from / 1000), end: String(to / 1000) });
    for (const s of series) {
      const name = legend(target.legendFormat, s.metric);
      found.push(toDataFrame({ refId: target.refId, name, fields: [
        { name: 'Time', type: FieldType.time, values: s.values.map((v: any) => v[0] * 1000) },
        { name: 'Value', type: FieldType.number, labels: s.metric, config: { displayName: name },
          values: s.values.map((v: any) => (v[1] === 'NaN' ? null : +v[1])) },
      ] }));
    }
  }
  return found;
}

function prepare(data: any[], panel: any) {
  const applied = applyFieldOverrides({
    data, fieldConfig: panel.fieldConfig, theme, timeZone: 'utc', replaceVariables: (s: string) => s,
    fieldConfigRegistry: new FieldConfigOptionsRegistry(),
  });
  const { custom, ...rest } = panel.fieldConfig.defaults;
  return applied.map((frame: any) => ({ ...frame, fields: frame.fields.map((field: any) => {
    const mine = field.type === FieldType.number ? rest : {};
    const config = { ...field.config, ...mine, custom: { ...custom } };
    const made = { ...field, config };
    return { ...made, display: getDisplayProcessor({ field: made, theme, timeZone: 'utc' }) };
  }) }));
}

function last(frame: any) {
  const field = frame.fields[1];
  return { field, value: field.display(field.values[field.values.length - 1]) };
}

function draw(panel: any, data: any[], width: number, height: number) {
  switch (panel.type) {
    case 'timeseries': {
      const timeRange: any = { from: dateTime(from), to: dateTime(to), raw: { from: 'now-1h', to: 'now' } };
      return <TimeSeries width={width} height={height} frames={data} timeRange={timeRange}
        timeZone="utc" legend={panel.options.legend} options={panel.options}>{() => null}</TimeSeries>;
    }
    case 'stat': {
      const { field, value } = last(data[0]);
      return <BigValue width={width} height={height} value={value} theme={theme}
        colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode="auto"
        textMode="value" sparkline={{ y: field, x: data[0].fields[0] }} />;
    }
    case 'bargauge':
      return data.map((frame, n) => {
        const { field, value } = last(frame);
        const max = Math.max(1, ...data.map((f) => last(f).value.numeric));
        return <BarGauge key={n} width={width} height={height / data.length - 6} theme={theme}
          value={{ ...value, title: frame.name }} field={{ ...field.config, max }}
          orientation={VizOrientation.Horizontal} displayMode="basic" showUnfilled />;
      });
    default:
      throw new Error(`panels of type ${panel.type} cannot be drawn`);
  }
}

const done: Promise<void>[] = [];
function Panel({ panel }: any) {
  const [data, setData] = React.useState<any>();
  const [error, setError] = React.useState<string>();
  React.useEffect(() => {
    done.push(frames(panel).then((f) => setData(prepare(f, panel))).catch((e) => setError(String(e))));
  }, []);
  const { x, y, w, h } = panel.gridPos;
  const width = w * COLUMN - 8, height = h * ROW - 8;
  const empty = data && !data.some((frame: any) => frame.length > 0);
  return (
    <div style={{ position: 'absolute', left: x * COLUMN, top: y * ROW, width, height }}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}
        statusMessage={error}>
        {(innerWidth: number, innerHeight: number) => {
          if (error || empty) return <span className="problem">{panel.title}: {error ?? 'no data'}</span>;
          return data ? draw(panel, data, innerWidth, innerHeight) : <span />;
        }}
      </PanelChrome>
    </div>
  );
}

(async () => {
  const board = await (await fetch('/board.json')).json();
  const height = Math.max(...board.panels.map((p: any) => (p.gridPos.y + p.gridPos.h) * ROW));
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <h3 style={{ margin: '0 0 8px' }}>{board.title}</h3>
      <div style={{ position: 'relative', width: WIDTH, height }}>
        {board.panels.map((panel: any) => <Panel key={panel.id} panel={panel} />)}
      </div>
    </ThemeContext.Provider>,
  );
  while (done.length < board.panels.length) await new Promise((go) => setTimeout(go, 50));
  await Promise.all(done);
  await new Promise((go) => setTimeout(go, 1000));
  (window as any).READY = true;
})();
