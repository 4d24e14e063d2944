"""Own providers and models in a `catalog_file`."""


def provider(id, url):
    return f'[[providers]]\nid = "{id}"\nname = "{id}"\ndialect = "openai_chat"\nbase_url = "{url}/v1"\nauth = "none"\n'


def model(id, provider, input=1_000_000, output=2_000_000):
    """Prices are whole pico-USD per token."""
    head = f'[[models]]\nid = "{id}"\nprovider = "{provider}"\nupstream = "sim"\ncontext_window = 100000\nmax_output = 1000\n'
    return head + f"[models.price]\ninput = {input}\noutput = {output}\n"


def write(path, *parts):
    path.write_text("\n".join(parts))
    return str(path)
