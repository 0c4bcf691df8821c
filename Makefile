# Every command of the project; `make help` says what each does. CI runs nothing else.
NODE := node_modules/.bin/node
VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
IMAGE ?= mooring:$(VERSION)
RELEASE ?= mooring
NAMESPACE ?= mooring
MINUTES ?= 60
KEY = $$(head -c 32 /dev/urandom | base64)
ENGINE ?= $(firstword $(foreach name,docker podman buildah,$(shell command -v $(name))))

.DEFAULT_GOAL := help
.PHONY: help start dev test check generate chaos bench up roll down format image install e2e k8s dashboards

help: ## Shows this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

start: node_modules/.package-lock.json ## Starts one process in memory, with a page and tokens
	@exec $(NODE) service/main.ts --development

dev: node_modules/.package-lock.json ## Starts one process in memory and restarts it when a file changes
	@JWT_SECRET=$${JWT_SECRET:-$(KEY)} API_KEY=$${API_KEY:-$(KEY)} \
	  exec $(NODE) --watch service/main.ts --development

test: node_modules/.package-lock.json ## Checks the code and runs every test; T=pattern runs the ones that match
	@$(NODE) tools/test-programs.ts
	@$(if $(T),$(NODE) tools/test.ts '$(T)',npm test --silent --) $(if $(CI),--retry=1)

check: node_modules/.package-lock.json ## Checks types, lint and tidiness in a few seconds
	@npm run --silent check

generate: node_modules/.package-lock.json ## Regenerates the reference docs, rules, dashboards, schemas and manifests
	@npm run --silent generate

chaos: node_modules/.package-lock.json ## Breaks replicas, Redis and connections under load; see docs/internals/chaos.md
	@exec $(NODE) test/chaos/main.ts

bench: node_modules/.package-lock.json ## Measures beside the stock adapter; SCENARIOS=cost ROUNDS=3
	@exec $(NODE) bench/main.ts

up: node_modules/.package-lock.json ## Starts nginx, three replicas and Redis, and follows the logs
	@exec $(NODE) ingress/nginx/fleet/main.ts up

roll: node_modules/.package-lock.json ## Replaces the replicas of `make up` by new ones, in use
	@exec $(NODE) ingress/nginx/fleet/main.ts roll

down: node_modules/.package-lock.json ## Stops exactly what `make up` started
	@exec $(NODE) ingress/nginx/fleet/main.ts down

dashboards: node_modules/.package-lock.json ## Draws the dashboards from a live PROMETHEUS=http://..., as one HTML page
	@exec $(NODE) monitoring/picture/main.ts --minutes $(MINUTES) $(PROMETHEUS)

format: node_modules/.package-lock.json ## Formats the code
	@npm run --silent format

image: ## Builds the service's image, IMAGE=mooring:VERSION, with docker, podman or buildah
	@test -n "$(ENGINE)" || { echo 'docker, podman or buildah is needed' >&2; exit 1; }
	$(ENGINE) build --file service/Dockerfile --tag $(IMAGE) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	  --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .

install: ## Installs or upgrades the chart on the current KUBECONFIG; VALUES=file or HELM_FLAGS='--set ...'
	helm upgrade --install $(RELEASE) charts/mooring --namespace $(NAMESPACE) --create-namespace \
	  $(if $(VALUES),--values $(VALUES)) $(HELM_FLAGS)

e2e: node_modules/.package-lock.json ## Proves the chart on the current KUBECONFIG, in namespaces of its own; IMAGE=, LOAD_IMAGE=, ALL=1 for every scenario
	@$(LOAD_IMAGE)
	@ALL=$(ALL) IMAGE=$(IMAGE) npm run --silent e2e

k8s: node_modules/.package-lock.json ## Renders k8s/ from the chart
	@npm run --silent generate:k8s
