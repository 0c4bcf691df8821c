# Every command of the project; `make help` says what each does. CI runs nothing else.
NODE := node_modules/.bin/node

.DEFAULT_GOAL := help
.PHONY: help start test up roll down format

help: ## Shows this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

start: node_modules/.package-lock.json ## Starts one process in memory, with a page and tokens
	@exec $(NODE) service/main.ts --development

test: node_modules/.package-lock.json ## Checks types, lint and tidiness, and runs every test
	@$(NODE) test/programs.ts
	@npm test --silent

up: node_modules/.package-lock.json ## Starts nginx, three replicas and Redis, and follows the logs
	@exec $(NODE) ingress/nginx/fleet.ts up

roll: node_modules/.package-lock.json ## Replaces the replicas of `make up` by new ones, in use
	@exec $(NODE) ingress/nginx/fleet.ts roll

down: node_modules/.package-lock.json ## Stops exactly what `make up` started
	@exec $(NODE) ingress/nginx/fleet.ts down

format: node_modules/.package-lock.json ## Formats the code
	@npm run --silent format
