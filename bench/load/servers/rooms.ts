/** Who is in which room: what a server of plain `ws` needs to have topics. */

export class Rooms<T> {
  readonly #members = new Map<number, Set<T>>();

  join(room: number, member: T): void {
    const members = this.#members.get(room);
    if (members === undefined) this.#members.set(room, new Set([member]));
    else members.add(member);
  }

  members(room: number): Iterable<T> {
    return this.#members.get(room) ?? [];
  }

  leave(rooms: readonly number[], member: T): void {
    for (const room of rooms) this.#members.get(room)?.delete(member);
  }
}
