/**
 * `JSON.parse` and `JSON.stringify` as they were when this thread began: for the runtime's own frames. Whoever replaces the
 * global ones would garble those for everybody on the thread, and cost clients their connections.
 */
export const fromJson: typeof JSON.parse = JSON.parse;
export const toJson: typeof JSON.stringify = JSON.stringify;
