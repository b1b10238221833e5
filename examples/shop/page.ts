/** The static page that nginx serves: written by start.ts, expected by the load generator. About 8 kB. */
import { ITEM_COUNT } from './catalogue.ts';

const LINKS = Array.from(
  { length: ITEM_COUNT },
  (_, id) =>
    `<li class="item"><a href="/items/${id}">item ${id}</a>: one of the ${ITEM_COUNT} things that this shop has</li>`,
);

export const STATIC_PAGE = `<!doctype html>\n<title>shop</title>\n<ul>\n${LINKS.join('\n')}\n</ul>\n`;
