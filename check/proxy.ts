/** The fault proxy. @module */
export function runProxy(_args: readonly string[], _put: (text: string) => void): Promise<number> {
  throw new Error("not there yet");
}
