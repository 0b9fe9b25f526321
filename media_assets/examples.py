"""Examples that every app's description of its API shares."""

UPLOAD_ID = "0b9f3a52-6a7e-4c0e-9d5b-2f4c1f6f7a10"
UPLOAD_IDS = [UPLOAD_ID, "5d1c7c4e-90a1-4d0a-8a1c-3b8a1d2e4f55"]
