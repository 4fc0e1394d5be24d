"""Graphs with loops and branches in text form, shared by tests of several layers."""

from __future__ import annotations

EVERY_REGION = """\
graph @regions(%init: f64[], %xs: f64[n], %choice: i64[]) {
  %0: f64[], %1: f64[n] = scan(%init, %xs) {carries=1, length=n, reverse=false, scanned=1, \
body=graph @body(%sum: f64[], %x: f64[]) {
    %0: f64[] = add(%sum, %x)  # model.py:4 in step
    return %0, %0
  }}  # model.py:3 in f
  %2: f64[], %3: i64[], %4: i64[] = while(%0) {carries=1, records=1, body=graph @body(%c: f64[]) {
    %0: f64[] = multiply(%c, %c)
    return %0, %c
  }, condition=graph @condition(%c: f64[]) {
    %0: f64[] = constant() {value=1000.0}
    %1: bool[] = less(%c, %0)
    return %1
  }}
  %5: f64[] = replay(%3, %2, %4) {carries=1, tapes=1, body=graph @body(%c: f64[], %r: f64[]) {
    %0: f64[] = multiply(%c, %r)
    return %0
  }}
  %6: f64[] = switch(%choice, %5) {branches=[graph @keep(%c: f64[]) {
    return %c
  }, graph @negate(%c: f64[]) {
    %0: f64[] = negative(%c)
    return %0
  }]}
  return %0, %1, %2, %3, %5, %6
}
"""
