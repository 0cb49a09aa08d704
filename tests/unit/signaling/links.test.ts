import { describe, expect, it } from 'vitest';
import { appOrigin, type LinkFacts, nodeLinks } from '../../../signaling/ops/links.ts';

const facts = (changes: Partial<LinkFacts> = {}): LinkFacts => ({
  config: { publicUrl: undefined, streamUrl: undefined },
  identity: {
    covers: (host) => ['192.168.1.20', '10.8.0.2', 'earshot.local', 'fd00::20'].includes(host),
    ownName: null,
  },
  address: '192.168.1.20',
  otherAddresses: ['10.8.0.2', 'fd00::20'],
  mdnsName: 'earshot.local',
  httpsPort: 8443,
  httpPort: 8097,
  ...changes,
});

describe('the node’s links', () => {
  it('lead to the address that phones reach; the others are listed, the name first', () => {
    expect(nodeLinks(facts())).toEqual({
      joinUrl: 'http://192.168.1.20:8097/',
      appUrl: 'https://192.168.1.20:8443/',
      streamBaseUrl: 'http://192.168.1.20:8097',
      otherUrls: ['http://earshot.local:8097/', 'http://10.8.0.2:8097/', 'http://[fd00::20]:8097/'],
    });
  });

  it('stay where somebody came from, if the certificate speaks for it', () => {
    expect(appOrigin(facts(), 'earshot.local')).toBe('https://earshot.local:8443');
    expect(appOrigin(facts(), '[fd00::20]')).toBe('https://[fd00::20]:8443');
    expect(appOrigin(facts(), 'evil.example')).toBe('https://192.168.1.20:8443');
  });

  it('follow --public-url: a proxy is joined at its own address, a name of this node by its landing page', () => {
    const at = (publicUrl: string): string[] => {
      const { joinUrl, appUrl } = nodeLinks(facts({ config: { publicUrl, streamUrl: undefined } }));
      return [joinUrl, appUrl];
    };
    expect(at('https://party.example')).toEqual(['https://party.example/', 'https://party.example/']);
    expect(at('https://earshot.local:8443')).toEqual([
      'http://earshot.local:8097/',
      'https://earshot.local:8443/',
    ]);
    expect(at('https://10.8.0.2:8443')[0]).toBe('http://10.8.0.2:8097/');
    const { otherUrls } = nodeLinks(
      facts({ config: { publicUrl: 'https://10.8.0.2:8443', streamUrl: 'http://radio.example' } }),
    );
    expect(otherUrls[0]).toBe('http://192.168.1.20:8097/');
    expect(otherUrls).not.toContain('http://10.8.0.2:8097/');
  });
});
