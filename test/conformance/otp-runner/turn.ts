/** The callback of a server that is running, or the function of a raw process: what its actions have said to return. */
import type { From } from "../../../src/core/messages.js";
import type { CallResult, CastResult, InitResult } from "../../../src/otp/gen-server-results.js";
import { ignore, type Next, noreply, ok, reply, stop } from "../../../src/otp/results.js";
import type { Action } from "./scenario.js";

export class Turn {
  /** The caller, in `handleCall`. */
  readonly from: From | undefined;
  reply: { readonly value: unknown } | undefined;
  noreply = false;
  stop: { readonly reason: unknown } | undefined;
  ignore = false;
  badReturn: { readonly value: unknown } | undefined;
  continue: readonly Action[] | undefined;
  timeoutMs: number | undefined;

  constructor(from?: From) {
    this.from = from;
  }

  callResult<S>(): CallResult<S> {
    if (this.badReturn !== undefined) return this.badReturn.value as CallResult<S>; // it is the point that it is none
    const { reply: answer } = this;
    if (this.stop !== undefined) {
      return answer === undefined ? stop(this.stop.reason, undefined) : stop(this.stop.reason, { reply: answer.value });
    }
    if (this.noreply) return noreply(undefined, this.#next());
    return reply(answer === undefined ? "ok" : answer.value, undefined, this.#next());
  }

  castResult<S>(): CastResult<S> {
    if (this.badReturn !== undefined) return this.badReturn.value as CastResult<S>; // as above
    if (this.stop !== undefined) return stop(this.stop.reason, undefined);
    return noreply(undefined, this.#next());
  }

  initResult<S>(state: S): InitResult<S> {
    if (this.badReturn !== undefined) return this.badReturn.value as InitResult<S>; // as above
    if (this.stop !== undefined) return stop(this.stop.reason);
    if (this.ignore) return ignore();
    return ok(state, this.#next());
  }

  #next(): Next | undefined {
    if (this.continue === undefined && this.timeoutMs === undefined) return undefined;
    return {
      ...(this.continue === undefined ? {} : { continue: this.continue }),
      ...(this.timeoutMs === undefined ? {} : { timeoutMs: this.timeoutMs }),
    };
  }
}
