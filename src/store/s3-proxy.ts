import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import type { ClientRequest } from 'node:http';
import type { SecureContext } from 'node:tls';
import type { Scheme } from './s3-network.ts';

/** What agents have in common; Node's types know nothing of `secureContext`. */
export interface AgentOptions {
  readonly keepAlive: true;
  readonly maxSockets: number;
  readonly maxFreeSockets: number;
  readonly secureContext?: SecureContext;
}

/** The library gives the target's TLS only what is the request's own. */
class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #trusted: SecureContext | undefined;

  constructor(proxy: URL, options: AgentOptions) {
    super(proxy.href, options);
    this.#trusted = options.secureContext;
  }

  /** It looks for that in the stack, which says nothing when a socket becomes free: then none would be used again. */
  override isSecureEndpoint(): boolean {
    return true;
  }

  override connect(req: ClientRequest, options: Parameters<HttpsProxyAgent<string>['connect']>[1]): ReturnType<HttpsProxyAgent<string>['connect']> {
    return super.connect(req, this.#trusted ? Object.assign({}, options, { secureContext: this.#trusted }) : options);
  }
}

/** A handler whose requests go by `proxy`: those by HTTPS through a tunnel, the others as the proxy's own. */
function handlerFor(proxy: URL, common: NodeHttpHandlerOptions, agents: AgentOptions): NodeHttpHandler {
  return new NodeHttpHandler({ ...common, httpAgent: new HttpProxyAgent(proxy.href, agents), httpsAgent: new TunnelAgent(proxy, agents) });
}

/**
 * A handler of the SDK's that asks for each host whether there is a proxy for it (`proxyOf`): one client's credentials may come from a host
 * that needs another way than the bucket's.
 */
export class ProxyHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #direct: NodeHttpHandler;
  readonly #byProxy = new Map<string, NodeHttpHandler>();
  readonly #make: (proxy: URL) => NodeHttpHandler;
  readonly #proxyOf: (scheme: Scheme, host: string) => URL | undefined;

  constructor(common: NodeHttpHandlerOptions, agents: AgentOptions, proxyOf: (scheme: Scheme, host: string) => URL | undefined) {
    this.#direct = new NodeHttpHandler(common);
    this.#make = (proxy) => handlerFor(proxy, common, agents);
    this.#proxyOf = proxyOf;
  }

  handle(...[request, options]: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    const { hostname, port, protocol } = request;
    const proxy = this.#proxyOf(protocol === 'https:' ? 'https' : 'http', port === undefined ? hostname : `${hostname}:${port}`);
    if (!proxy) return this.#direct.handle(request, options);
    const known = this.#byProxy.get(proxy.href) ?? this.#make(proxy);
    this.#byProxy.set(proxy.href, known);
    return known.handle(request, options);
  }

  updateHttpClientConfig(): void {
    // The SDK changes nothing of a handler that it is given.
  }

  httpHandlerConfigs(): object {
    return {};
  }

  destroy(): void {
    for (const handler of [this.#direct, ...this.#byProxy.values()]) handler.destroy();
  }
}
