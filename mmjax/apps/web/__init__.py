"""The page in the browser: search, classify, transcribe, caption."""
