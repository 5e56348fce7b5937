import type { Box, Chart, Label } from './chart.ts';

/** A chart as an SVG document. */
export function svg({ width, height, title, boxes, labels }: Chart): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...boxes.map(rectangle),
    ...labels.map(text),
    '</svg>',
    '',
  ].join('\n');
}

function rectangle({ x, y, width, height, colour, title }: Box): string {
  const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${colour}"`;
  return title === undefined ? `<rect ${place}/>` : `<rect ${place}><title>${title}</title></rect>`;
}

function text({ x, y, text: words, align }: Label): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${align}">${words}</text>`;
}
