/** Ways to change the language under everybody's feet: all code of the thread has the same prototypes and globals. */

// Written where TypeScript would object to each.
const world = globalThis as unknown as Record<string, unknown>;
const proto = (of: { prototype: object }): Record<PropertyKey, unknown> => of.prototype as Record<PropertyKey, unknown>;

const boom = (): never => {
  throw new Error("boom");
};

export const globals = {
  object_prototype_data: () => {
    Object.assign(Object.prototype, { x: 1, tag: "stop", error: true, handle: 7, prototype: null });
  },
  object_prototype_then: () => {
    // biome-ignore lint/suspicious/noThenProperty: that is the deed
    proto(Object).then = () => {};
  },
  object_prototype_to_json: () => {
    proto(Object).toJSON = () => "gone";
  },
  object_prototype_frozen: () => void Object.freeze(Object.prototype),
  array_push_replaced: () => {
    proto(Array).push = boom;
  },
  array_push_does_nothing: () => {
    proto(Array).push = () => 0;
  },
  /** What the runtime writes is cut off: batches are no batches. */
  array_push_of_one: () => {
    proto(Array).push = function (this: unknown[], first: unknown) {
      this[this.length] = first;
      return this.length;
    };
  },
  array_iterator_replaced: () => {
    proto(Array)[Symbol.iterator] = boom;
  },
  array_index_setter: () => {
    Object.defineProperty(Array.prototype, 0, { set: () => {}, get: () => undefined, configurable: true });
  },
  map_get_replaced: () => {
    proto(Map).get = () => undefined;
  },
  set_has_replaced: () => {
    proto(Set).has = () => true;
  },
  function_call_replaced: () => {
    proto(Function).call = boom;
    proto(Function).apply = boom;
  },
  promise_then_replaced: () => {
    // biome-ignore lint/suspicious/noThenProperty: that is the deed
    proto(Promise).then = () => {};
  },
  string_methods_replaced: () => {
    for (const name of ["slice", "charCodeAt", "startsWith", "indexOf"]) proto(String)[name] = boom;
  },
  promise_removed: () => {
    world.Promise = undefined;
  },
  json_parse_replaced: () => {
    JSON.parse = () => null;
  },
  json_stringify_replaced: () => {
    JSON.stringify = boom;
  },
  set_timeout_removed: () => {
    world.setTimeout = null;
  },
  set_immediate_removed: () => {
    world.setImmediate = null;
  },
  clear_timeout_removed: () => {
    world.clearTimeout = null;
  },
  queue_microtask_removed: () => {
    world.queueMicrotask = null;
  },
  structured_clone_removed: () => {
    delete world.structuredClone;
  },
  buffer_and_process_removed: () => {
    delete world.Buffer;
    delete world.process;
  },
  clocks_stopped: () => {
    performance.now = () => 0;
    Date.now = () => 0;
    process.hrtime.bigint = () => 0n;
  },
  clocks_removed: () => {
    world.performance = null;
    process.hrtime = null as never;
  },
  error_replaced: () => {
    world.Error = undefined;
    world.TypeError = undefined;
  },
  symbols_and_objects_removed: () => {
    world.Object = undefined;
    world.Array = undefined;
    world.Symbol = undefined;
    world.Map = undefined;
  },
} satisfies Record<string, () => unknown>;
