"""Price a million European options, and find the volatilities back from the prices.

    python examples/option_prices.py --count 1000000

Prices are those of Black and Scholes (1973). The implied volatility comes from a fixed number of
Newton steps on all options at once, from the start of Manaster and Koehler (1982), from which the
iteration converges. Whatever is asked about the prices is computed in the same call.
"""

import argparse
import sys
import time

import numpy as np
from scipy.special import erf

import tensorwright as tw

RATE = 0.03
NEWTON_STEPS = 10
BARS = 16  # of the histogram, for quantiles without a sort


def normal_cdf(x):
    return 0.5 * (1 + erf(x * 2**-0.5))


def call_price(spot, strike, years, volatility):
    """The price of a call, and its derivative by the volatility (vega)."""
    width = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + RATE * years) / width + 0.5 * width
    price = spot * normal_cdf(d1) - strike * np.exp(-RATE * years) * normal_cdf(d1 - width)
    vega = spot * np.sqrt(years) * np.exp(-0.5 * d1 * d1) * (2 * np.pi) ** -0.5
    return price, vega


@tw.jit
def price(spot, strike, years, volatility):
    """Prices of calls and of puts."""
    call, _ = call_price(spot, strike, years, volatility)
    return call, call - spot + strike * np.exp(-RATE * years)


@tw.jit
def implied_volatility(spot, strike, years, call):
    """The volatility at which each call has its price."""
    moneyness = np.log(spot / strike) + RATE * years
    volatility = np.sqrt(2 * np.abs(moneyness) / years)
    volatility = np.maximum(volatility, 0.05)
    for _ in range(NEWTON_STEPS):
        value, vega = call_price(spot, strike, years, volatility)
        volatility = volatility - (value - call) / vega
    return volatility


@tw.jit
def statistics(spot, strike, years, call, put):
    """Mean, deviation and extremes of the calls, bounds that a price must keep, a histogram."""
    discounted = strike * np.exp(-RATE * years)
    parity = np.max(np.abs(call - put - (spot - discounted)))
    below = np.sum(call < spot - discounted - 1e-9)
    top = np.max(call)
    at_most = np.stack([np.mean(call <= top * (k + 1) / BARS) for k in range(BARS)])
    return np.mean(call), np.std(call), np.min(call), top, parity, below, at_most


def portfolio(count, seed=7):
    """Spot, strike, years and volatility of `count` options that are traded near the money."""
    rng = np.random.default_rng(seed)
    spot = rng.uniform(80.0, 120.0, count)
    strike = spot * rng.uniform(0.8, 1.25, count)
    return spot, strike, rng.uniform(0.25, 2.0, count), rng.uniform(0.15, 0.6, count)


def timed(label, function, arguments):
    """The compiled result, checked against NumPy's; prints both times."""
    result = function(*arguments)
    begin = time.perf_counter()
    function(*arguments)
    middle = time.perf_counter()
    expected = function.__wrapped__(*arguments)
    numpys, ours = time.perf_counter() - middle, middle - begin
    pairs = (
        zip(result, expected, strict=True) if isinstance(result, tuple) else [(result, expected)]
    )
    for left, right in pairs:
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
    print(f"{label:<20}NumPy {1e3 * numpys:8.1f} ms, compiled {1e3 * ours:7.2f} ms: ", end="")
    print(f"{numpys / ours:.1f}x")
    return result


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="how many options")
    options = parser.parse_args(argv)
    spot, strike, years, volatility = portfolio(options.count)

    call, put = timed("prices", price, (spot, strike, years, volatility))
    implied = timed("implied volatility", implied_volatility, (spot, strike, years, call))
    answer = timed("statistics", statistics, (spot, strike, years, call, put))
    mean, deviation, least, top, parity, below, at_most = answer
    error = np.abs(implied - volatility).max()
    median = top * (int(np.argmax(at_most >= 0.5)) + 1) / BARS

    print(f"\n{options.count} calls: mean {mean:.3f}, deviation {deviation:.3f}, ", end="")
    print(f"from {least:.3f} to {top:.3f}, half of them below about {median:.2f}")
    print(f"put-call parity holds to {parity:.1e}; {below} calls below their lower bound")
    print(f"implied volatility found back to {error:.1e}")
    return int(not (parity < 1e-9 and below == 0 and error < 1e-8))


if __name__ == "__main__":
    sys.exit(main())
