import assert from "node:assert/strict";
import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { test } from "node:test";
import { atom, encodeTerm, tuple } from "../../src/channels/external-term.js";
import { Token } from "../../src/channels/token.js";
import { signMessage } from "../../src/channels/token-crypto.js";
import { MAX_CACHED_KEYS, TokenKeys } from "../../src/channels/token-keys.js";
import { hchacha20 } from "../../src/channels/xchacha20-poly1305.js";

const base = "abc123".repeat(5);
const forEver = { maxAgeSeconds: Number.POSITIVE_INFINITY };
const invalid = ["error", "invalid"];
const expired = ["error", "expired"];
const keyOf = (salt: string): Buffer => pbkdf2Sync(base, salt, 1000, 32, "sha256");
const nowSeconds = (): number => Date.now() / 1000;

test("the key is what Phoenix derives", () => {
  const options = { iterations: 1000, lengthBytes: 32, digest: "sha256" } as const;
  const derived = new TokenKeys().derive(base, "id", options).toString("hex");
  assert.equal(derived, "bd2e641812fc0f1cdba030c565d93dbb1b005dd8dce2bb5d46f921e46379f5d0");
});

/** Made by Phoenix. */
const signed: readonly (readonly [salt: string, data: unknown, signedAtSeconds: number, token: string])[] = [
  ["id", 1, 0, "SFMyNTY.g2gDYQFhAGIAAVGA.z_bq3v7vwvg1Qv4s3SXm7kWtSs2Hgyg29vi3F5Ad5Bo"],
  [
    "user socket",
    "user:1",
    1_700_000_000,
    "SFMyNTY.g2gDbQAAAAZ1c2VyOjFuBgAAaOXPiwFiAAFRgA.YktOWHNDc38Vz0yC62KeWYv1Fi8yWvgR2EbiAmQDQGk",
  ],
];
for (const [salt, data, signedAtSeconds, token] of signed) {
  test(`a token for ${JSON.stringify(data)} is Phoenix's to the byte, and is verified`, () => {
    assert.equal(Token.sign(base, salt, data, { signedAtSeconds }), token);
    assert.deepEqual(Token.verify(base, salt, token, forEver), ["ok", data]);
    assert.deepEqual(Token.verify({ secretKeyBase: base }, salt, token, forEver), ["ok", data]);
    assert.deepEqual(Token.verify(base, salt, token), expired);
  });
}

test("a token that Phoenix has encrypted is decrypted", () => {
  const token = "XCP.H-8_zhW3HmcIt1NTbUoffC7C9Kv-RPYGaTxrluQAECMr1yw5tO6ASGo7CU18dtwbAEPwp8xwZeotOIs";
  assert.deepEqual(Token.decrypt(base, "secret", token, forEver), ["ok", 1]);
  assert.deepEqual(Token.decrypt(base, "secret", token), expired);
  assert.deepEqual(Token.decrypt(base, "another", token, forEver), invalid);
});

test("HChaCha20 gives what its specification gives", () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const nonce = Buffer.from("000000090000004a0000000031415927", "hex");
  const expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc";
  assert.equal(hchacha20(key, nonce).toString("hex"), expected);
});

test("plain data, atoms and tuples come back from both kinds of token", () => {
  const data = {
    user: tuple(atom("user"), 7),
    roles: ["a", "ż"],
    admin: false,
    note: null,
    big: 2n ** 70n,
    ratio: 0.25,
  };
  assert.deepEqual(Token.verify(base, "s", Token.sign(base, "s", data)), ["ok", data]);
  assert.deepEqual(Token.decrypt(base, "s", Token.encrypt(base, "s", data)), ["ok", data]);
  assert.notEqual(Token.encrypt(base, "s", data), Token.encrypt(base, "s", data));
});

test("a token is valid for its own age, unless who verifies it says otherwise", () => {
  const at = nowSeconds() - 60;
  const short = Token.sign(base, "s", 1, { signedAtSeconds: at, maxAgeSeconds: 30 });
  assert.deepEqual(Token.verify(base, "s", short), expired);
  assert.deepEqual(Token.verify(base, "s", short, { maxAgeSeconds: 90 }), ["ok", 1]);
  const long = Token.sign(base, "s", 1, { signedAtSeconds: at, maxAgeSeconds: Number.POSITIVE_INFINITY });
  assert.deepEqual(Token.verify(base, "s", long), ["ok", 1]);
  assert.deepEqual(Token.verify(base, "s", long, { maxAgeSeconds: 30 }), expired);
  assert.deepEqual(Token.verify(base, "s", Token.sign(base, "s", 1, { signedAtSeconds: nowSeconds() - 86_390 })), [
    "ok",
    1,
  ]);
  assert.deepEqual(
    Token.verify(base, "s", Token.sign(base, "s", 1, { signedAtSeconds: nowSeconds() - 86_401 })),
    expired,
  );
});

test("an age of nothing or less has always expired", () => {
  for (const maxAgeSeconds of [0, -1, Number.NEGATIVE_INFINITY]) {
    assert.deepEqual(Token.verify(base, "s", Token.sign(base, "s", 1), { maxAgeSeconds }), expired);
  }
});

test("a token from the future is invalid", () => {
  const token = Token.sign(base, "s", 1, { signedAtSeconds: nowSeconds() + 60 });
  assert.deepEqual(Token.verify(base, "s", token, forEver), invalid);
});

test("no token is missing, and what is none is invalid", () => {
  for (const read of [Token.verify, Token.decrypt]) {
    assert.deepEqual(read(base, "s", null), ["error", "missing"]);
    assert.deepEqual(read(base, "s", undefined), ["error", "missing"]);
    const wrong = [
      "",
      ".",
      "..",
      "SFMyNTY..",
      "SFMyNTY.a.b",
      "XCP.",
      "XCP.AAAA",
      "QTEyOEdDTQ....",
      7,
      {},
      ["a"],
      "x".repeat(65_537),
    ];
    for (const token of wrong) assert.deepEqual(read(base, "s", token), invalid, String(token).slice(0, 80));
  }
});

test("a token that was changed in any character, or has another secret, salt or key, is invalid", () => {
  const token = Token.sign(base, "s", { user: 1 });
  const sealed = Token.encrypt(base, "s", { user: 1 });
  for (const [made, read] of [
    [token, Token.verify],
    [sealed, Token.decrypt],
  ] as const) {
    // Not the last character: base64url has bits to spare there.
    for (let at = 0; at < made.length - 1; at++) {
      const changed = made.slice(0, at) + (made[at] === "A" ? "B" : "A") + made.slice(at + 1);
      assert.deepEqual(read(base, "s", changed), invalid, changed);
    }
    for (const tail of ["", "=", " ", ".", "+"]) {
      assert.deepEqual(read(base, "s", made + tail), tail === "" ? ["ok", { user: 1 }] : invalid);
    }
    assert.deepEqual(read(`${base}4`, "s", made), invalid);
    assert.deepEqual(read(base, "t", made), invalid);
    assert.deepEqual(read(base, "s", made, { keyIterations: 999 }), invalid);
    assert.deepEqual(read(base, "s", made, { keyDigest: "sha512" }), invalid);
  }
});

test("both sides may agree on other keys", () => {
  const options = { keyIterations: 2, keyLength: 64, keyDigest: "sha384" } as const;
  assert.deepEqual(Token.verify(base, "s", Token.sign(base, "s", 1, options), options), ["ok", 1]);
  assert.deepEqual(Token.decrypt(base, "s", Token.encrypt(base, "s", 1, options), options), ["ok", 1]);
});

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

test("tokens signed with HMAC-SHA384 and HMAC-SHA512 are verified", () => {
  const message = text(encodeTerm(tuple("a", Date.now(), 60)));
  for (const [name, digest] of [
    ["HS384", "sha384"],
    ["HS512", "sha512"],
  ] as const) {
    const start = `${text(Buffer.from(name))}.${message}`;
    const token = `${start}.${createHmac(digest, keyOf("s")).update(start).digest("base64url")}`;
    assert.deepEqual(Token.verify(base, "s", token), ["ok", "a"]);
  }
});

test("what Phoenix put into tokens earlier is understood: no age, a map, and AES", () => {
  const pair = signMessage(encodeTerm(tuple("a", Date.now())), keyOf("s"));
  assert.deepEqual(Token.verify(base, "s", pair), ["ok", "a"]);
  const map = signMessage(
    encodeTerm(
      new Map<unknown, unknown>([
        [atom("data"), "a"],
        [atom("signed"), Date.now()],
      ]),
    ),
    keyOf("s"),
  );
  assert.deepEqual(Token.verify(base, "s", map), ["ok", "a"]);
  const old = signMessage(encodeTerm(tuple("a", Date.now() - 86_401_000)), keyOf("s"));
  assert.deepEqual(Token.verify(base, "s", old), expired);

  const gcm = (
    name: "aes-256-gcm" | "aes-128-gcm",
    key: Buffer,
    iv: Buffer,
    aad: string,
    plain: Buffer,
  ): [Buffer, Buffer] => {
    const cipher = createCipheriv(name, key, iv).setAAD(Buffer.from(aad));
    return [Buffer.concat([cipher.update(plain), cipher.final()]), cipher.getAuthTag()];
  };
  const [inner, wrapIv, iv] = [randomBytes(16), randomBytes(12), randomBytes(12)];
  const [wrapped, wrapTag] = gcm("aes-256-gcm", keyOf("s"), wrapIv, "", inner);
  const [ciphertext, tag] = gcm("aes-128-gcm", inner, iv, "A128GCM", encodeTerm(tuple("a", Date.now(), 60)));
  const parts = [Buffer.concat([wrapped, wrapTag, wrapIv]), iv, ciphertext, tag].map(text);
  assert.deepEqual(Token.decrypt(base, "s", `QTEyOEdDTQ.${parts.join(".")}`), ["ok", "a"]);
  assert.deepEqual(Token.decrypt(base, "t", `QTEyOEdDTQ.${parts.join(".")}`), invalid);
});

test("a signed term that is no token's content is invalid", () => {
  for (const term of [
    1,
    "a",
    null,
    [],
    {},
    tuple(),
    tuple(1),
    tuple(1, "now", 60),
    tuple(1, 0, "60"),
    tuple(1, 2, 3, 4),
  ]) {
    assert.deepEqual(Token.verify(base, "s", signMessage(encodeTerm(term), keyOf("s")), forEver), invalid);
  }
  assert.deepEqual(Token.verify(base, "s", signMessage(Buffer.from("text"), keyOf("s")), forEver), invalid);
});

test("misuse is thrown, and does not tell the secret", () => {
  const short = "secret-of-19-bytes!";
  for (const context of [short, { secretKeyBase: short }, undefined as never, {} as never]) {
    assert.throws(
      () => Token.sign(context, "s", 1),
      (error: { code: string; message: string }) =>
        error.code === "JOIST_BAD_ARGUMENT" && !error.message.includes(short),
    );
  }
  assert.throws(() => Token.sign(base, 7 as never, 1), { code: "JOIST_BAD_ARGUMENT" });
  assert.throws(() => Token.sign(base, "s", () => 1), { code: "JOIST_BAD_ARGUMENT" });
  assert.throws(() => Token.sign(base, "s", "x".repeat(60_000)), { code: "JOIST_BAD_ARGUMENT", message: /too large/ });
  const bad = { code: "JOIST_BAD_OPTION" };
  assert.throws(() => Token.sign(base, "s", 1, { keyIterations: 0 }), bad);
  assert.throws(() => Token.sign(base, "s", 1, { keyLength: 2000 }), bad);
  assert.throws(() => Token.sign(base, "s", 1, { keyDigest: "md5" as never }), bad);
  assert.throws(() => Token.sign(base, "s", 1, { signedAtSeconds: Number.NaN }), bad);
  assert.throws(() => Token.sign(base, "s", 1, { maxAgeSeconds: Number.NaN }), bad);
  assert.throws(() => Token.verify(base, "s", null, { maxAgeSeconds: "60" as never }), bad);
  assert.throws(() => Token.encrypt(base, "s", 1, { keyLength: 16 }), bad);
});

test("derived keys are kept, the last used of them", () => {
  const keys = new TokenKeys();
  const options = { iterations: 1, lengthBytes: 32, digest: "sha256" } as const;
  const first = keys.derive(base, "first", options);
  for (let i = 0; i < MAX_CACHED_KEYS - 1; i++) keys.derive(base, String(i), options);
  assert.equal(keys.derive(base, "first", options), first);
  keys.derive(base, "one more", options);
  assert.equal(keys.size, MAX_CACHED_KEYS);
  assert.equal(keys.derive(base, "first", options), first);
  assert.notEqual(keys.derive(base, "first", { ...options, digest: "sha512" }), first);
});
