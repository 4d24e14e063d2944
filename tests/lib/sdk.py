"""What all SDKs are asked."""

import base64

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG_BYTES = base64.b64decode(PNG)
PNG_URL = f"data:image/png;base64,{PNG}"
HELLO = "hello"
WEATHER = "What is the weather in Rome"
IMAGE_PARTS = [{"type": "text", "text": "look at this image"}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def ask(text):
    return [{"role": "user", "content": text}]
