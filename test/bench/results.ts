/** The figures of a campaign, and the one table that they make. */
import { type Measured, median } from './measure.ts';

const MB = 1_000_000;

export interface Results {
  add(scenario: string, tool: string, measured: Pick<Measured, 'seconds' | 'peakBytes'>): void;
  addStored(scenario: string, tool: string, bytes: number): void;
  /** Lines of a Markdown table: a row for each scenario, columns for each tool; the ratio is the fastest peer's time by Holdfast's. */
  table(): readonly string[];
}

interface Cell {
  readonly seconds: number[];
  readonly peaks: number[];
  readonly stored: number[];
}

export const OWN = 'holdfast';

export function results(): Results {
  const scenarios = new Map<string, Map<string, Cell>>();
  const cellOf = (scenario: string, tool: string): Cell => {
    const row = scenarios.get(scenario) ?? new Map<string, Cell>();
    scenarios.set(scenario, row);
    const cell = row.get(tool) ?? { seconds: [], peaks: [], stored: [] };
    row.set(tool, cell);
    return cell;
  };
  return {
    add(scenario, tool, { seconds, peakBytes }) {
      const cell = cellOf(scenario, tool);
      cell.seconds.push(seconds);
      cell.peaks.push(peakBytes);
      process.stderr.write(`${scenario} ${tool}: ${seconds.toFixed(2)} s, at most ${Math.round(peakBytes / MB)} MB\n`);
    },
    addStored: (scenario, tool, bytes) => void cellOf(scenario, tool).stored.push(bytes),
    table() {
      const tools = new Set([...scenarios.values()].flatMap((row) => [...row.keys()]));
      const names = [OWN, ...[...tools].filter((name) => name !== OWN)];
      const lines = [
        `| | ${names.map((name) => `${name}: s`).join(' | ')} | fastest peer / holdfast | ${names.map((name) => `${name}: peak MB`).join(' | ')} | ${names.map((name) => `${name}: stored MB`).join(' | ')} |`,
        `| --- |${' ---: |'.repeat(3 * names.length + 1)}`,
      ];
      for (const [scenario, row] of scenarios) {
        const of = (figures: (cell: Cell) => readonly number[]) =>
          names.map((name) => {
            const cell = row.get(name);
            return cell === undefined || figures(cell).length === 0 ? undefined : median(figures(cell));
          });
        const seconds = of((cell) => cell.seconds);
        const [own, ...peers] = seconds;
        const fastest = Math.min(...peers.filter((one) => one !== undefined));
        const ratio = own === undefined ? '' : (fastest / own).toFixed(2);
        const show = (figures: readonly (number | undefined)[], text: (figure: number) => string) =>
          figures.map((figure) => (figure === undefined ? '' : text(figure))).join(' | ');
        lines.push(
          `| ${scenario} | ${show(seconds, (s) => s.toFixed(2))} | ${ratio} | ${show(
            of((cell) => cell.peaks),
            (bytes) => (bytes / MB).toFixed(0),
          )} | ${show(
            of((cell) => cell.stored),
            (bytes) => (bytes / MB).toFixed(1),
          )} |`,
        );
      }
      return lines;
    },
  };
}
