# `make demo` and `make test` do all the set-up they need.
# PYTHON=…       3.11 or newer; found if not given
PYTHON ?= $(or $(shell for p in python3 python3.11 python3.12 python3.13; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done),python3)
# TORCH=cpu    the pinned release, as the package index at hand has it (a plain Linux index has the CUDA build: several GB);
#              TORCH_INDEX=URL adds PyTorch's own CPU wheel index
# TORCH=cuda   the same release with CUDA
# TORCH=none   no torch, no diffusers: everything but learned models works
TORCH ?= cpu
TORCH_INDEX ?=
OUT ?= demo

VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
EXTRAS := dev,bench$(if $(filter none,$(TORCH)),,,models)
# Depth Anything 3 asks for an old NumPy and a web server that its network, which alone is used, needs nothing of.
WITHOUT_THEIR_PINS := depth-anything-3 addict einops omegaconf antlr4-python3-runtime
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX),)
SYSTEM_PACKAGES := libusb-1.0-0 libgl1 libegl1 libgomp1

ENGINE_PACKAGES := libimage-exiftool-perl cmake g++ zlib1g-dev mono-mcs mono-runtime libmono-system4.0-cil libmono-system-core4.0-cil \
  libmono-system-net-http4.0-cil libmono-system-io-compression4.0-cil glslang-tools spirv-tools spirv-cross libegl1 libgl1-mesa-dri \
  libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc

.PHONY: setup demo test test-engines check format proto system toolchains clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt Makefile
	@$(MAKE) --no-print-directory system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make setup PYTHON=python3.11"; exit 1; }
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip
ifneq ($(TORCH),none)
	$(RUN)/python -m pip install --quiet $(INDEX) -c constraints.txt torch
endif
	$(RUN)/python -m pip install --quiet $(INDEX) -c constraints.txt -e '.[$(EXTRAS)]'
ifneq ($(TORCH),none)
	$(RUN)/python -m pip install --quiet --no-deps -c constraints.txt $(WITHOUT_THEIR_PINS)
endif
	@touch $(STAMP)

# What open3d needs of the system; installed where apt may, else said.
system:
	@missing=""; \
	for library in libusb-1.0.so.0 libGL.so.1 libEGL.so.1 libgomp.so.1; do \
	  { /sbin/ldconfig -p 2>/dev/null || ldconfig -p 2>/dev/null; } | grep -q "$$library" || missing="$$missing $$library"; \
	done; \
	if [ -n "$$missing" ] && [ "$$(uname -s)" = Linux ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM_PACKAGES); \
	  elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
	    sudo -n apt-get update -qq && sudo -n apt-get install -y -qq $(SYSTEM_PACKAGES); \
	  else \
	    echo "System libraries are missing:$$missing"; \
	    echo "Install them (Debian and Ubuntu: apt-get install $(SYSTEM_PACKAGES)) and run make again."; exit 1; \
	  fi; \
	fi

demo: setup
	$(RUN)/spatia-bridge run sample --clips 6 --views 3 --out $(OUT)

# Two processes, a file of tests stays in one: more would only wait for each other's compiled code.
test: check
	$(RUN)/python -m pytest -q -n 2 --dist loadfile

# Real engines: any Godot from 4.4 on in $$GODOT or on PATH, else one that is fetched to .engines/ (as root, on Debian).
# The C++ and C# cores are built and run too, Unity's shaders compiled and drawn, and exiftool reads videos: what that needs is
# installed where apt may, else said.
# RENDERERS="opengl3 vulkan" tests both of Godot's renderers. Pictures are left in build/engines/.
RENDERERS ?= opengl3
test-engines: setup toolchains
	SPATIA_RENDERERS="$(RENDERERS)" $(RUN)/python -m pytest -q -rs -s -m engine tests/engines

toolchains:
	@missing=""; \
	for tool in cmake g++ mcs mono exiftool glslangValidator spirv-val spirv-cross protoc grpc_cpp_plugin; do \
	  command -v $$tool >/dev/null || missing=$$tool; \
	done; \
	for header in zlib.h grpcpp/grpcpp.h; do [ -e /usr/include/$$header ] || missing=$$header; done; \
	if [ -z "$$missing" ]; then :; \
	elif command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	  as=""; [ "$$(id -u)" = 0 ] || as="sudo -n"; \
	  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq $(ENGINE_PACKAGES) >/dev/null || \
	    echo "Some tests of other programs will be skipped; to be installed: $(ENGINE_PACKAGES)"; \
	fi

check: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python -m spatia_bridge.wire.generate --check

format: setup
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

proto: setup
	$(RUN)/python -m spatia_bridge.wire.generate

clean:
	rm -rf $(VENV) build dist $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis
