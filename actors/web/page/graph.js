// Two lines over time on a canvas, drawn in the page's colours.

const GRID_LINES = 4;

// A round number of megabits that is not below `value`.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

export class Graph {
  #canvas;
  #samples = [];
  #seconds;

  constructor(canvas, seconds) {
    this.#canvas = canvas;
    this.#seconds = seconds;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  clear() {
    this.#samples = [];
    this.draw();
  }

  /** A sample: seconds since the start, and megabits per second. */
  add(at, sent, echoed) {
    this.#samples.push({ at, sent, echoed });
    this.draw();
  }

  draw() {
    const canvas = this.#canvas;
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const g = canvas.getContext('2d');
    g.scale(scale, scale);
    g.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    g.font = `12px ${style.fontFamily}`;

    const [left, right, top, bottom] = [52, 8, 12, 22];
    const peak = Math.max(1, ...this.#samples.map((s) => Math.max(s.sent, s.echoed)));
    const limit = ceiling(peak);
    // The last echoes may come after the end of the test.
    const span = Math.max(this.#seconds, this.#samples.at(-1)?.at ?? 0);
    const x = (at) => left + (at / span) * (width - left - right);
    const y = (rate) => height - bottom - (rate / limit) * (height - top - bottom);

    g.strokeStyle = colour('--line');
    g.fillStyle = colour('--quiet');
    g.lineWidth = 1;
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    for (let i = 0; i <= GRID_LINES; i += 1) {
      const rate = (limit * i) / GRID_LINES;
      g.beginPath();
      g.moveTo(left, y(rate));
      g.lineTo(width - right, y(rate));
      g.stroke();
      g.fillText(`${rate}`, left - 6, y(rate));
    }
    g.textBaseline = 'alphabetic';
    g.fillText(`${Math.ceil(span)} s`, width - right, height - 6);
    g.textAlign = 'left';
    g.fillText('Mbit/s', 2, height - 6);

    this.#line(g, x, y, 'sent', colour('--sent'), []);
    this.#line(g, x, y, 'echoed', colour('--echoed'), [6, 3]);
  }

  #line(g, x, y, key, colour, dash) {
    g.strokeStyle = colour;
    g.lineWidth = 2;
    g.setLineDash(dash);
    g.beginPath();
    this.#samples.forEach((s, i) => {
      if (i === 0) g.moveTo(x(s.at), y(s[key]));
      else g.lineTo(x(s.at), y(s[key]));
    });
    g.stroke();
    g.setLineDash([]);
  }
}
