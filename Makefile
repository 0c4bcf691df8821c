# Every command of the project; `make help` describes them. CI runs only these.
NODE := node_modules/.bin/node
VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
IMAGE ?= mooring:$(VERSION)
RELEASE ?= mooring
NAMESPACE ?= mooring
MINUTES ?= 60
KEY = $$(head -c 32 /dev/urandom | base64)
ENGINE ?= $(firstword $(foreach name,docker podman buildah,$(shell command -v $(name))))

.DEFAULT_GOAL := help
.PHONY: help start dev test check generate chaos fuzz scale bench up roll down format version release image install e2e k8s dashboards

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

start: node_modules/.package-lock.json ## Start one process in memory, with a test page and tokens
	@exec $(NODE) service/main.ts --development

dev: node_modules/.package-lock.json ## Start one process in memory, and restart it when a file changes
	@JWT_SECRET=$${JWT_SECRET:-$(KEY)} API_KEY=$${API_KEY:-$(KEY)} \
	  exec $(NODE) --watch service/main.ts --development

test: node_modules/.package-lock.json ## Check the code and run all tests; T=pattern runs only the tests that match
	@$(NODE) tools/test-programs.ts
	@$(if $(T),$(NODE) tools/test.ts '$(T)',npm test --silent --) $(if $(CI),--retry=1)

check: node_modules/.package-lock.json ## Check types, lint and tidiness in a few seconds
	@npm run --silent check

generate: node_modules/.package-lock.json ## Regenerate the reference docs, rules, dashboards, schemas and manifests
	@npm run --silent generate

chaos: node_modules/.package-lock.json ## Break replicas, Redis and connections under load; see docs/internals/chaos.md
	@exec $(NODE) test/chaos/main.ts

fuzz: node_modules/.package-lock.json ## Send broken input to a real service, and judge what is left; SECONDS=60 SEED=1
	@exec $(NODE) test/fuzz/main.ts

scale: node_modules/.package-lock.json ## Break a fleet with 10,000 clients, and judge what each got; CLIENTS=10000 PODS=3 RATE=100
	@exec $(NODE) test/scale/main.ts

bench: node_modules/.package-lock.json ## Compare the performance with the stock adapter; SCENARIOS=cost ROUNDS=3
	@exec $(NODE) bench/main.ts

up: node_modules/.package-lock.json ## Start nginx, three replicas and Redis, and follow the logs
	@exec $(NODE) ingress/nginx/fleet/main.ts up

roll: node_modules/.package-lock.json ## Replace the replicas of `make up` while clients are connected
	@exec $(NODE) ingress/nginx/fleet/main.ts roll

down: node_modules/.package-lock.json ## Stop everything that `make up` started, and nothing else
	@exec $(NODE) ingress/nginx/fleet/main.ts down

dashboards: node_modules/.package-lock.json ## Draw the dashboards from a live PROMETHEUS=http://..., as one HTML page
	@exec $(NODE) monitoring/picture/main.ts --minutes $(MINUTES) $(PROMETHEUS)

format: node_modules/.package-lock.json ## Format the code
	@npm run --silent format

version: node_modules/.package-lock.json ## Write the version NEW=0.2.0 wherever it appears
	@exec $(NODE) tools/release/version.ts '$(NEW)'

release: node_modules/.package-lock.json ## Build and publish the image, chart and packages to REGISTRY; DRY=1: to a registry on loopback
	@exec $(NODE) tools/release/main.ts

sbom.cdx.json: package-lock.json
	npm sbom --sbom-format cyclonedx --omit dev --package-lock-only > $@.tmp && mv $@.tmp $@

image: sbom.cdx.json ## Build the image IMAGE=mooring:VERSION with docker, podman or buildah
	@test -n "$(ENGINE)" || { echo 'docker, podman or buildah is needed' >&2; exit 1; }
	$(ENGINE) build --file service/Dockerfile --tag $(IMAGE) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	  --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .

install: ## Install or upgrade the chart on the cluster of KUBECONFIG; VALUES=file HELM_FLAGS='--set ...'
	helm upgrade --install $(RELEASE) charts/mooring --namespace $(NAMESPACE) --create-namespace \
	  $(if $(VALUES),--values $(VALUES)) $(HELM_FLAGS)

e2e: node_modules/.package-lock.json ## Test the chart on the cluster of KUBECONFIG, in its own namespaces; IMAGE=, LOAD_IMAGE=, ALL=1: all scenarios
	@$(LOAD_IMAGE)
	@ALL=$(ALL) IMAGE=$(IMAGE) npm run --silent e2e

k8s: node_modules/.package-lock.json ## Render k8s/ from the chart
	@npm run --silent generate:k8s
