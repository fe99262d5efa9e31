// The official client in the other versions the tests run: the same API, so the same types (which are for `phoenix`).
declare module "phoenix-1.7" {
  export * from "phoenix";
}

declare module "phoenix-1.8.12" {
  export * from "phoenix";
}
