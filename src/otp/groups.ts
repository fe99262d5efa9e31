/**
 * Who is in which group: the table behind `pg`, and nothing but a table. A member may join a group several times and is
 * then in it as many times.
 *
 * ```
 *   group  ─► member ─► how often         members(group)
 *   member ─► groups                      remove(member), without looking at every group
 * ```
 */
export class Groups<Member> {
  readonly #groups = new Map<string, Map<Member, number>>();
  readonly #memberships = new Map<Member, Set<string>>();

  /** Adds `member` once more. */
  join(group: string, member: Member): void {
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.#groups.set(group, members);
    }
    members.set(member, (members.get(member) ?? 0) + 1);
    let memberships = this.#memberships.get(member);
    if (memberships === undefined) {
      memberships = new Set();
      this.#memberships.set(member, memberships);
    }
    memberships.add(group);
  }

  /** Takes one of the member's joins back; `false` if it is not in the group. */
  leave(group: string, member: Member): boolean {
    const members = this.#groups.get(group);
    const count = members?.get(member);
    if (members === undefined || count === undefined) return false;
    if (count > 1) members.set(member, count - 1);
    else this.#forget(group, members, member);
    return true;
  }

  /** Takes `member` out of all its groups, the one it joined last first. Answers which, and how often it was in each. */
  remove(member: Member): (readonly [group: string, count: number])[] {
    return [...(this.#memberships.get(member) ?? [])].reverse().map((group) => {
      const members = this.#groups.get(group) as Map<Member, number>; // both maps say who is where
      const count = members.get(member) as number;
      this.#forget(group, members, member);
      return [group, count] as const;
    });
  }

  /** The members, each as often as it is in the group. */
  members(group: string): Member[] {
    const members: Member[] = [];
    for (const [member, count] of this.#groups.get(group) ?? []) for (let i = 0; i < count; i++) members.push(member);
    return members;
  }

  /** Whether `member` is in any group. */
  has(member: Member): boolean {
    return this.#memberships.has(member);
  }

  /** Everybody who is in any group. */
  everyone(): Member[] {
    return [...this.#memberships.keys()];
  }

  /** The groups that have members. */
  names(): string[] {
    return [...this.#groups.keys()];
  }

  #forget(group: string, members: Map<Member, number>, member: Member): void {
    members.delete(member);
    if (members.size === 0) this.#groups.delete(group);
    const memberships = this.#memberships.get(member);
    memberships?.delete(group);
    if (memberships?.size === 0) this.#memberships.delete(member);
  }
}
