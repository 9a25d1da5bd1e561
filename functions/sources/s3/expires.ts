/** The Expires header of a new object, as exact text: the SDK's own field is a date, which would put it into normal form. */

/** Where in the SDK's stack it belongs: the request is built and not signed yet. */
export const EXPIRES_STEP = { step: 'build', name: 'expiresText' } as const;

/** Middleware for a command that makes an object; without a text it changes nothing. */
export function expiresText(text: string | undefined) {
  return <Args extends { readonly request: unknown }, Result>(next: (args: Args) => Promise<Result>) =>
    (args: Args): Promise<Result> => {
      if (text !== undefined) setHeader(args.request, 'expires', text);
      return next(args);
    };
}

function setHeader(request: unknown, name: string, value: string): void {
  if (typeof request === 'object' && request !== null && 'headers' in request) {
    const { headers } = request;
    if (typeof headers === 'object' && headers !== null && Reflect.set(headers, name, value)) return;
  }
  throw new TypeError('the SDK built a request without headers');
}
