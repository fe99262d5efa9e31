/**
 * What the official client looks for in a browser and Node.js doesn't have. Imported before it: clients before 1.8 take what
 * they find when they are loaded.
 */
Object.assign(globalThis, { self: globalThis });

/** As much of `XMLHttpRequest` as the official client uses. */
class XhrByFetch {
  readyState = 0;
  responseText = "";
  timeout = 0;
  onreadystatechange: () => void = () => {};
  onerror: () => void = () => {};
  ontimeout: () => void = () => {};
  readonly #headers: Record<string, string> = {};
  readonly #gone = new AbortController();
  #method = "GET";
  #url = "";

  open(method: string, url: string): void {
    this.#method = method;
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  send(body: string | null): void {
    void this.#send(body);
  }

  /** Silently: what a browser calls back then, old clients take for a failure of the server. */
  abort(): void {
    this.#gone.abort();
  }

  async #send(body: string | null): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#gone.signal, AbortSignal.timeout(this.timeout)]);
      const response = await fetch(this.#url, { method: this.#method, headers: this.#headers, body, signal });
      this.responseText = await response.text();
    } catch (error) {
      if (this.#gone.signal.aborted) return;
      return (error as Error).name === "TimeoutError" ? this.ontimeout() : this.onerror();
    }
    this.readyState = 4;
    this.onreadystatechange();
  }
}

/** How clients ask from now on: browsers have both, and clients before 1.8 know the first only. */
export function requestBy(means: "XMLHttpRequest" | "fetch"): void {
  Object.assign(globalThis, { XMLHttpRequest: means === "XMLHttpRequest" ? XhrByFetch : undefined });
}
