/** Takes user names and passwords out of the URLs in a text that people will see. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, '//****@');
}
