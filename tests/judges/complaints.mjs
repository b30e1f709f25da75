// What is wrong.

/** Complaints so far. */
export const complaints = [];

/** Complains unless something holds. */
export function expect(holds, complaint) {
  if (!holds) complaints.push(complaint);
}

/** Complains unless two values are the same. */
export function same(what, found, expected) {
  expect(found === expected, `${what}: ${found} instead of ${expected}`);
}

/** Complains unless two numbers are as good as the same. */
export function close(what, found, expected, tolerance) {
  const good = Math.abs(found - expected) <= tolerance;
  expect(good, `${what}: ${found} instead of ${expected}`);
}
