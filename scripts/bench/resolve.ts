/** PeerJS names its ES modules in a field that bundlers read and Node does not. */
import { register } from 'node:module';

const HOOKS = `
  export async function resolve(specifier, context, next) {
    if (specifier !== 'peerjs') return next(specifier, context);
    const main = await next(specifier, context);
    return { ...main, url: new URL('bundler.mjs', main.url).href, format: 'module' };
  }
`;
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
