import { crc32, deflateSync } from 'node:zlib';
import type { Chart, Label } from './chart.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphOf } from './font.ts';

/** Points of the image for each of the chart, so that it is sharp on today's screens. */
const SCALE = 2;

/** Points of the image for each of a letter. */
const DOT = 2;

/** From the beginning of a letter to that of the next. */
const ADVANCE = (GLYPH_WIDTH + 1) * DOT;

const TEXT_COLOUR = '#222222';

/**
 * A chart as a PNG. It is made of rectangles and a few short words, which is little enough to be drawn here: what renders SVG is megabytes of
 * WebAssembly, and needs fonts, which containers lack. Throws for a word that the font has no letters for.
 */
export function png({ width, height, boxes, labels }: Chart): Buffer {
  const canvas = new Canvas(width * SCALE, height * SCALE);
  for (const box of boxes) canvas.fill(box.x * SCALE, box.y * SCALE, box.width * SCALE, box.height * SCALE, box.colour);
  for (const label of labels) write(canvas, label);
  return canvas.encode();
}

function write(canvas: Canvas, { x, y, text, align }: Label): void {
  const length = text.length * ADVANCE;
  const left = Math.round(x * SCALE - (align === 'start' ? 0 : align === 'end' ? length : length / 2));
  const top = Math.round(y * SCALE) - GLYPH_HEIGHT * DOT;
  for (const [index, letter] of Array.from(text).entries()) {
    for (const [row, dots] of glyphOf(letter).entries()) {
      for (const [column, dot] of Array.from(dots).entries()) {
        if (dot === '#') canvas.fill(left + index * ADVANCE + column * DOT, top + row * DOT, DOT, DOT, TEXT_COLOUR);
      }
    }
  }
}

const CHANNELS = 3;

/** A white image, 8 bits each of red, green and blue. */
class Canvas {
  readonly #width: number;
  readonly #height: number;
  readonly #points: Buffer;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#points = Buffer.alloc(width * height * CHANNELS, 0xff);
  }

  /** Fills a rectangle, to the nearest points; one that is not empty has at least one point each way. */
  fill(x: number, y: number, width: number, height: number, colour: string): void {
    const [left, top] = [Math.round(x), Math.round(y)];
    const [right, bottom] = [Math.max(left + 1, Math.round(x + width)), Math.max(top + 1, Math.round(y + height))];
    const point = Buffer.from(colour.slice(1), 'hex');
    for (let row = Math.max(0, top); row < Math.min(this.#height, bottom); row++) {
      const start = row * this.#width;
      this.#points.fill(point, (start + Math.max(0, left)) * CHANNELS, (start + Math.min(this.#width, right)) * CHANNELS);
    }
  }

  /** The file's bytes (W3C, Portable Network Graphics, chapters 5 and 11). */
  encode(): Buffer {
    const header = Buffer.alloc(13); // depth 8, colour type 2: RGB; no interlacing
    header.writeUInt32BE(this.#width, 0);
    header.writeUInt32BE(this.#height, 4);
    header.set([8, 2], 8);
    const stride = this.#width * CHANNELS;
    const unfiltered = Buffer.alloc(1);
    const rows = Array.from({ length: this.#height }, (_, row) => [unfiltered, this.#points.subarray(row * stride, (row + 1) * stride)]).flat();
    const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
    return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.concat(rows))), chunk('IEND', Buffer.alloc(0))]);
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(named.length + 8);
  frame.writeUInt32BE(data.length, 0);
  frame.set(named, 4);
  frame.writeUInt32BE(crc32(named), named.length + 4);
  return frame;
}
