"""The page for whoever finds every place taken."""

from __future__ import annotations

import html

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>GradViz is full</title>
<noscript><meta http-equiv="refresh" content="10"></noscript>
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto; padding: 0 1rem; }</style>
</head>
<body>
<main>
<h1>GradViz is full</h1>
<p role="status">SENTENCE</p>
</main>
<script>
setInterval(async () => {
  try {
    if ((await fetch("ADDRESS", { cache: "no-store" })).ok) location.reload();
  } catch {}
}, 5000);
</script>
</body>
</html>
"""


def page(sentence: str, asked_first: str) -> bytes:
    """An HTML page that shows ``sentence``, and opens what was asked for as soon as the app answers to ``asked_first``,
    the path that it refuses while it is full."""
    return _PAGE.replace("ADDRESS", asked_first).replace("SENTENCE", html.escape(sentence)).encode()
