# Makes a function's package: only the modules that it imports, compiled.
# docs/adr/0008-a-makefile-makes-the-packages.md has the reasons.
#
# `sam build` runs make in a copy of src/ and names the folder that becomes the package: ARTIFACTS_DIR.
# It works with the make of macOS, too, which is 3.81.
$(if $(ARTIFACTS_DIR),,$(error run `sam build`: it says where the package goes, ARTIFACTS_DIR))

PYTHON ?= python3.13
SRC := $(CURDIR)

# The project's own folder, three above that of the Makefile. Paths in requirements.txt begin there, as for
# `make setup`. A tool for several Pythons finds .python-version there.
PROJECT := $(subst /Makefile package/package.mk,,$(strip $(MAKEFILE_LIST)))/../../..
RUN_PYTHON := cd "$(PROJECT)" && "$(PYTHON)" -I

# The compiled files have the package's path on Lambda, so that they don't depend on the folder of the build.
# Lambda does not check the sources' time again: they can't change there.
COMPILE := -m compileall -j 0 -f --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p /var/task

# Wheels for Lambda's Amazon Linux 2023, whose glibc is 2.34, on any machine.
GLIBCS := 34 33 32 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17
PLATFORMS := $(GLIBCS:%=manylinux_2_%_$(MACHINE)) manylinux2014_$(MACHINE)
WHEELS := --only-binary=:all: --implementation cp --python-version 3.13 $(PLATFORMS:%=--platform %)
# In Lambda's own image (`sam build --use-container`) packages without a wheel may be built.
WHEELS := $(if $(wildcard /var/lang/bin/python3.13),,$(WHEELS))

build-ConsumerFunction: OURS := consumer shared
build-WorkerFunction: OURS := worker shared zigzag tasks
build-WorkerFunction: packages

# Another worker of the template, by any name, has the same package.
build-%: build-WorkerFunction
	@:

# After the packages: if one of them has a folder of the same name, ours replaces it.
build-ConsumerFunction build-WorkerFunction: python
	@cd "$(ARTIFACTS_DIR)" && rm -rf $(OURS)
	@cp -R $(OURS) "$(ARTIFACTS_DIR)"
	@cd "$(ARTIFACTS_DIR)" && find $(OURS) \( -name __pycache__ -o -name .DS_Store \) -prune -exec rm -rf {} +
	@$(RUN_PYTHON) $(COMPILE) -q $(OURS:%="$(ARTIFACTS_DIR)/%") || \
	{ echo "A module of src/ does not compile (above): correct it." >&2; exit 1; }

# A file of a package that does not compile, such as a template, stays uncompiled.
packages: python
	@$(RUN_PYTHON) "$(SRC)/package/packages.py" "$(SRC)/requirements.txt" \
	--target "$(ARTIFACTS_DIR)" $(WHEELS) || \
	{ echo "The packages of src/requirements.txt could not be fetched for Lambda's Python 3.13 on $(MACHINE)" \
	"(above). If name, version and network are right, one of them has no wheel for it:" \
	"docs/add-a-task.md says what to do, under Packages." >&2; exit 1; }
	@$(RUN_PYTHON) "$(SRC)/package/conditions.py" "$(ARTIFACTS_DIR)" $(MACHINE) "$(SRC)/requirements.txt" || \
	{ echo "The machine that builds is not Lambda's, and left this out (above): name it in" \
	"src/requirements.txt, in a line of its own without a condition." >&2; exit 1; }
	@rm -rf "$(ARTIFACTS_DIR)/bin"
	@$(RUN_PYTHON) -W ignore $(COMPILE) -qq "$(ARTIFACTS_DIR)" || true

python:
	@found=`$(RUN_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null` || \
	{ echo "Zigzag needs Python 3.13, and there is no $(PYTHON) here: install it" \
	"(https://www.python.org/downloads/), or name one: PYTHON=/path/to/python3.13 sam build" >&2; exit 1; }; \
	test "$$found" = 3.13 || \
	{ echo "Zigzag needs Python 3.13, as Lambda has it, and $(PYTHON) is $$found:" \
	"PYTHON=/path/to/python3.13 sam build" >&2; exit 1; }

.PHONY: build-ConsumerFunction build-WorkerFunction packages python
