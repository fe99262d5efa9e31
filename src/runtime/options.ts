/** Limits and budgets of the runtime, with their defaults. */
import type { Budgets } from "./scheduler.js";

export const DEFAULT_BUDGETS: Budgets = { messageBudget: 64, turnBudgetMs: 4 };
