(function(){var d=document,r=d.documentElement;r.classList.add('js');
function store(v){try{if(v)localStorage.setItem('interplay-theme',v);return localStorage.getItem('interplay-theme')}catch(e){return null}}
var t=store();if(t)r.setAttribute('data-theme',t);
d.addEventListener('DOMContentLoaded',function(){
var b=d.getElementById('theme');function dark(){var a=r.getAttribute('data-theme');return a?a==='dark':matchMedia('(prefers-color-scheme: dark)').matches}
function label(){if(b)b.textContent=dark()?'Light theme':'Dark theme'}label();
if(b)b.onclick=function(){var v=dark()?'light':'dark';r.setAttribute('data-theme',v);store(v);label()};
d.querySelectorAll('table.sort').forEach(function(tb){var hs=tb.tHead.rows[0].cells;
[].forEach.call(hs,function(th,i){if(th.hasAttribute('data-nosort'))return;var x=d.createElement('button');x.type='button';while(th.firstChild)x.appendChild(th.firstChild);th.appendChild(x);
x.onclick=function(){var was=th.getAttribute('aria-sort'),all=[];
[].forEach.call(tb.tBodies[0].rows,function(q,k){var c=q.cells[i],v=c?(c.getAttribute('data-v')||c.textContent.trim()):'';all.push({q:q,k:k,s:v,n:parseFloat(v)})});
var text=all.every(function(o){return isNaN(o.n)}),up=was?was==='descending':text,g=up?1:-1;
[].forEach.call(hs,function(o){o.removeAttribute('aria-sort')});th.setAttribute('aria-sort',up?'ascending':'descending');
all.sort(function(p,q){var a=isNaN(p.n),b=isNaN(q.n);return (text?g*(p.s<q.s?-1:p.s>q.s?1:0):a!==b?a-b:a?0:g*(p.n-q.n))||p.k-q.k}).forEach(function(o){tb.tBodies[0].appendChild(o.q)})}})});
d.querySelectorAll('.copy').forEach(function(c){c.onclick=function(){var p=d.getElementById(c.getAttribute('data-for'));if(navigator.clipboard)navigator.clipboard.writeText(p.textContent).then(function(){c.textContent='Copied'})}});
d.querySelectorAll('.measured input').forEach(function(i){i.onchange=function(){var out=i.closest('details').querySelector('[role=status]'),f=i.files[0];if(!f)return;f.text().then(function(t){
var c,s={};try{c=JSON.parse(t)}catch(e){c=null}out.textContent='';
if(!c||typeof c.seconds!=='object'||!c.seconds){out.textContent='This file holds no measured time.';return}
Object.keys(c.seconds).forEach(function(k){var v=c.seconds[k],m=k.split('-seed')[0];if(typeof v==='number')(s[m]=s[m]||[]).push(v)});
function row(p,tag,a){var q=p.insertRow();a.forEach(function(x,k){var e=d.createElement(k?tag:'th');e.textContent=x;if(k)e.className='num';q.appendChild(e)})}
var tb=d.createElement('table');row(tb.createTHead(),'th',['Model','Fits','Seconds in all','Seconds a fit']);var b=tb.createTBody();
Object.keys(s).map(function(m){return [m,s[m].length,s[m].reduce(function(x,y){return x+y},0)]}).sort(function(x,y){return x[2]-y[2]}).forEach(function(r){row(b,'td',[r[0].replace(/[_-]/g,' '),r[1],r[2].toFixed(1),(r[2]/r[1]).toFixed(2)])});
out.appendChild(tb);if(typeof c.peak_memory_mb==='number'){var p=d.createElement('p');p.textContent='Peak memory: '+Math.round(c.peak_memory_mb)+' MB.';out.appendChild(p)}})}});
var tip=d.createElement('div');tip.className='tip';tip.hidden=true;tip.setAttribute('aria-hidden','true');d.body.appendChild(tip);
d.querySelectorAll('svg .m').forEach(function(m){var s=m.querySelector('title');if(s){m.setAttribute('data-tip',s.textContent);m.removeChild(s)}});
d.addEventListener('pointerover',function(e){var m=e.target.closest?e.target.closest('[data-tip]'):null;if(!m){tip.hidden=true;return}tip.textContent=m.getAttribute('data-tip');tip.hidden=false;var q=m.getBoundingClientRect(),w=tip.offsetWidth,h=tip.offsetHeight;var x=Math.max(8,Math.min(innerWidth-w-8,q.left+q.width/2-w/2)),y=q.top-h-8;if(y<4)y=q.bottom+8;tip.style.left=x+scrollX+'px';tip.style.top=y+scrollY+'px'});
d.addEventListener('keydown',function(e){if(e.key==='Escape')tip.hidden=true});
var ls=[].slice.call(d.querySelectorAll('.toc a'));if(ls.length&&'IntersectionObserver' in window){var io=new IntersectionObserver(function(es){es.forEach(function(e){if(e.isIntersecting)ls.forEach(function(l){if(l.hash==='#'+e.target.id)l.setAttribute('aria-current','true');else l.removeAttribute('aria-current')})})},{rootMargin:'-10% 0px -80% 0px'});d.querySelectorAll('section[id]').forEach(function(s){io.observe(s)})}
var was=[];addEventListener('beforeprint',function(){was=[].filter.call(d.querySelectorAll('details'),function(x){return !x.open});was.forEach(function(x){x.open=true})});addEventListener('afterprint',function(){was.forEach(function(x){x.open=false})});
})})();
