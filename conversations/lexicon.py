"""What anyone at a hosting support desk knows about words: short forms people type, and words of two languages that mean the same."""

from __future__ import annotations


def _table(lines: str) -> dict[str, tuple[str, ...]]:
    """Reads lines of `key: words`; a key may have several lines."""
    table: dict[str, tuple[str, ...]] = {}
    for line in lines.strip().splitlines():
        key, _, rest = line.strip().partition(": ")
        table[key] = (*table.get(key, ()), *rest.split())
    return table


EMOJI = str.maketrans(
    {"👍": " ok ", "🙏": " gracias thanks ", "👋": " hola hello ", "❤": " gracias thanks ", "🆘": " ayuda help ", "ß": "ss"}
)

SHORT_FORMS: dict[str, tuple[str, ...]] = {
    short: tuple(full.split())
    for full, shorts in _table(
        """
        you: u
        your: ur
        are: r
        please: pls plz plss
        thanks: thx tnx thanx thnx thks
        thank you: ty
        thank you so much: tysm
        i am: im
        i have: ive
        i will: ill
        do not: dont
        does not: doesnt
        did not: didnt
        can not: cant cannot
        will not: wont
        is not: isnt
        are not: arent
        was not: wasnt
        have not: havent
        has not: hasnt
        could not: couldnt
        would not: wouldnt
        should not: shouldnt
        what is: whats wats
        what: wat wht
        where is: wheres
        how is: hows
        who is: whos
        that is: thats
        there is: theres
        it is: its
        let us: lets
        you are: youre
        they are: theyre
        going to: gonna
        want to: wanna
        have to: gotta
        give me: gimme
        as soon as possible: asap
        information: info
        account: acct acc
        password: pwd pw passwd
        message: msg
        minutes: mins min
        hours: hrs
        hour: hr
        server: srv svr
        department: dept
        help: hlp
        about: abt
        because: bcoz cuz coz bc
        right now: rn
        have: hv hav
        when: wen
        how: hw
        people: ppl
        que: q k ke
        por que: xq pq porq xk pk
        por favor: porfa porfi porfis xfa xfavor pf
        por: x
        de: d
        tambien: tb tmb tbn
        quiero: kiero qro qiero
        quien: kien
        como: komo cm
        donde: dnd dnde
        cuando: cdo cnd qndo
        para: pa xa
        saludos: salu2
        gracias: grax grcs grx
        bien: bn
        bueno: bno
        mensaje: msj mje
        telefono: tlf tfno tel
        numero: nro num
        departamento: dpto depto
        servidor: serv
        soporte: sop
        usted: ud
        ustedes: uds vds
        hola: ola
        aqui: aki
        ahora: ahorita
        horas: hs
        necesito: nesesito nececito
        """
    ).items()
    for short in shorts
}
"""Folded word -> what it stands for. Only forms that mean one thing in both languages of the desk."""

CONCEPTS: dict[str, tuple[str, ...]] = _table(
    """
    server: server servers servidor servidores machine maquina host box equipo
    hosting: hosting alojamiento hospedaje hosted
    vps: vps cloud nube virtual
    website: website web site sitio pagina page webpage tienda shop store
    domain: domain domains dominio dominios dns
    network: network red connection conexion connectivity conectividad ping mtr traceroute internet
    outage: down outage offline caido caida caidos caidas cayo caer tirado unavailable unreachable inaccesible indisponible
    outage: disponible corte interruption interrupcion interrupciones disruption apagado crash crashed downtime
    fault: problem problema problemas issue issues fallo fallos falla fallas error errors errores broken roto averia bug failure
    fault: failing wrong mal
    works: work works working funciona funcionan funcionando funcionar
    loads: load loads loading carga cargan cargar
    boots: boot boots arranca arrancar enciende
    critical: critical critico critica criticos emergency emergencia emergencias grave severe serious
    urgent: urgent urgente urgentes urge urgently urgency urgencia immediately inmediatamente as_soon quanto_antes cuanto_antes
    urgent: ya_mismo right_now
    priority: priority priorities prioridad prioridades
    high: high alta alto maxima highest
    regular: regular normal standard estandar
    maintenance: maintenance mantenimiento mantenimientos scheduled programado planned planificado planificada
    status: status estado
    incident: incident incidents incidente incidentes incidencia incidencias
    backup: backup backups copia copias respaldo
    restore: restore restaurar recover recuperar
    security: security seguridad hacked hackeado hack attack ataque malware virus phishing
    abuse: abuse abuses abuso abusos spam
    install: install instalar installation instalacion setup configurar configure configuration configuracion settings ajustes set_up
    migrate: migrate migrar migration migracion move mover transfer transferir traslado
    restart: restart reboot reiniciar reinicio
    reset: reset restablecer resetear
    order: order orders pedido pedidos orden
    ip: ip xip
    diagnostics: diagnostics diagnostic diagnostico diagnosticos logs log registros registro
    ticket: ticket tickets tiquet tique tiquete
    open: open abrir abro abre abrirlo raise levantar
    create: create crear creo crea generar
    new: new nuevo nueva nuevos
    add: add anadir agregar agrego anado
    close: close cerrar cierro closed cerrado
    department: department departments departamento departamentos
    technical: technical tecnico tecnica tecnicos tecnicas tech technician
    financial: financial finance financiero financieros finanzas administracion accounting contabilidad
    billing: billing facturacion invoice invoices factura facturas bill bills facturar
    charge: charge charges charged cobro cobros cobrado cobrar cobraron
    payment: payment payments pay pago pagos pagar paid pagado
    card: card cards tarjeta tarjetas
    refund: refund refunds reembolso reembolsos devolucion money_back devolver
    price: price prices precio precios
    cost: cost costs cuesta cuestan coste costo costos
    cheap: cheap cheaper barato barata economico
    discount: discount discounts descuento descuentos
    offer: offer offers oferta ofertas promo promotion promocion
    cancel: cancel cancelar cancelo cancelacion cancellation anular
    upgrade: upgrade ampliar
    subscription: subscription suscripcion subscribe suscribir
    support: support soporte asistencia assistance helpdesk
    help: help ayuda ayudar ayudame helping ayudas help_me
    chat: chat chatear livechat en_vivo en_directo en_linea online_chat
    live: live vivo directo
    email: email emails mail mails correo correos e_mail xmail electronico
    phone: phone telefono call llamar llamada llamo telephone whatsapp number_to_call
    channel: channel channels canal canales medio medios via vias
    method: method methods metodo metodos way ways forma formas manera
    contact: contact contactar contacto contactarlos contacts reach comunicarme comunicar comunico comunicarse get_in_touch
    write: write writing escribir escribo escribirles
    human: human humano humana person persona agent agente operator operador operadora representative representante someone alguien
    human: advisor asesor real staff empleado people gente colleague asesora ejecutivo manager supervisor encargado
    speak: speak talk hablar hablo hable conversar platicar talking speaking
    bot: bot robot machine_answer maquina chatbot ia ai automatic automatico automatica virtual_assistant asistente
    answer: answer answers respuesta respuestas reply replies response responses contestar contestan contestacion contesta responden
    answer: respond responder respondido respondieron contestado answered
    time: time times tiempo tiempos plazo plazos
    take_long: how_long take_long takes tarda tardan tardais tardar demora demoran demorar delay delays
    wait: wait waiting espera esperar esperando espero
    minutes: minutes minute minutos minuto
    hours: hours hour hora horas horario schedule opening_hours
    fast: fast rapido rapida rapidos quick quickly pronto soon sooner speed velocidad
    account: account accounts cuenta cuentas profile perfil
    client_area: client_area area_cliente area_de_cliente customer_area portal panel dashboard clientarea
    login: login log_in log_into sign_in signin iniciar_sesion inicio_sesion entrar entro acceder acceso access accedo ingresar
    login: ingreso logging get_into
    password: password passwords contrasena contrasenas clave claves credentials credenciales
    owner: owner ownership titular titularidad dueno propietario propiedad belongs
    verify: verify verification verificar verificacion verifico verified verificado confirm confirmar confirmacion prove proof
    verify: prueba demostrar demuestro identity identidad identificar identificacion identify identification validate validar
    verify: comprobar comprueban check_identity
    registered: registered registrado registrada registrados registered_email
    notification: notification notifications notificacion notificaciones aviso avisos alert alerts alerta alertas notify notified
    notification: notificar avisar avisan avisen avisais announcement announcements anuncio anuncios informed informado notice notices
    address: address addresses direccion direcciones
    update: update updates actualizacion actualizaciones novedades news
    change: change cambiar cambio cambios modify modificar changing changed edit editar cambie cambiarlo
    other: other another different otro otra otros otras distinto distinta distintos
    language: language idioma idiomas lengua english ingles spanish espanol castellano
    attach: attach attachment attachments adjuntar adjunto adjuntos adjunta upload subir file_upload archivo archivos file files
    attach: fichero
    screenshot: screenshot screenshots captura capturas pantallazo imagen image picture foto
    describe: describe describir description descripcion explain explicar
    detail: detail detailed detalle detalles detallada
    include: include incluir incluyo incluye contain contener
    data: data datos information informacion details
    required: required requisito requisitos requirement requirements necesario necesaria
    need: need needs needed necesito necesita necesitan necesitais
    send: send enviar envio mando mandar mandan sent enviado envian sends
    receive: receive recibir recibo reciben received recibido get_notified llegan llegar llega
    buy: buy comprar compra purchase contratar
    sales: sales ventas
    company: company empresa compania business negocio
    complaint: complaint complain queja quejas reclamar reclamacion reclamo
    choose: choose elegir elijo escoger escojo select seleccionar selecciono pick
    put: put poner pongo set
    different_types: types type tipo tipos kind kinds clase categories category categoria
    hello: hello hi hey hola buenas buenos_dias buenas_tardes buenas_noches good_morning good_afternoon good_evening saludos
    hello: greetings hiya que_tal howdy morning
    thanks: thanks thank gracias agradezco agradecido thankful appreciate appreciated grateful thank_you agradecer
    bye: bye goodbye adios hasta_luego hasta_pronto see_you chao chau farewell nos_vemos hasta_manana
    please: please favor
    praise: great perfect perfecto genial excellent excelente awesome cool estupendo fantastico wonderful amable kind_of_you
    how: how como
    what: what que
    which: which cual cuales
    where: where donde adonde
    when: when cuando
    who: who quien quienes
    why: why por_que porque
    how_much: how_much how_many cuanto cuanta cuantos cuantas
    can: can puedo puede pueden could podria poder podeis puedes
    want: want quiero quisiera would_like me_gustaria deseo wish querer
    not: not no nunca never sin without
    is_there: is_there are_there hay existe
    you: you your ustedes usted vosotros vuestro
    my: my mi mis mine
    lost: lost forgot forgotten olvide olvidado perdi perdido lose
    today: today hoy
    now: now ahora
    day: day dia dias days night noche weekend fin_de_semana domingo sunday sabado saturday festivo holiday
    always: always siempre 24 24x7 247
    """
)
"""Concept -> words of both languages, folded; `_` joins the two words of a pair."""

FUNCTION_WORDS: dict[str, tuple[str, ...]] = _table(
    """
    en: a able about actually after afternoon again against all already also always am an and another answer any anyone anything
    en: are as ask at back be because been before being best between bit both but by bye call can change cheers could day dear
    en: did do does doing done down during each else evening ever every everyone few find first for from get getting give go
    en: going good goodbye got great had happened has have having he hello help her here hey hi him his how i if in instead into
    en: is it its just keep kind know last less let like long look lot make many may maybe me might mine more morning most mr
    en: much must my myself need needs never new nice night not no nothing now of off often okay on one only open or other our ours
    en: out over own per please put really regards right same say see send shall she should show since sir so some someone
    en: something soon sorry speak still such sure take talk team tell than thank thanks that the their them then there these
    en: they thing things this those though through time to today tomorrow too try trying two under until up us use using very
    en: via want wanted was way we welcome were what when where which while who whom whose why will with without work working
    en: works would write wrong yes yesterday yet you your yours yourself
    es: a abrir abro acerca ademas adios adonde ahi ahora al algo alguien algun alguna alguno alli ante antes aquel aquella
    es: aquello aqui asi aun aunque ayer ayuda ayudame ayudar bajo bien buena buenas bueno buenos buscar cada cambiar cambio
    es: cerca claro como con contra cosa cosas cual cuales cuando cuanta cuantas cuanto cuantos cuesta da dan dar de debe deben
    es: deberia debo decir del demas dentro desde despues dia dias dice digo dime disculpe donde doy durante e el ella ellas
    es: ellos en encuentro entonces entre enviar envio era eran eres es esa esas escribir escribo ese eso esos esta estaba
    es: estado estamos estan estar estas este estimados esto estos estoy favor forma fue fuera fueron funciona funcionan gracias
    es: gran ha haber habia hablar hablo hace hacen hacer haces hacia hago han has hasta hay he hemos hice hola hoy ir jamas la
    es: las le lejos les llega llegar lo los luego mal mandar mando manera mas me mejor menos mi mientras mis misma mismo mucha
    es: muchas mucho muchos muy nada nadie necesita necesitamos necesitan necesito ni ningun ninguna no noches nos nosotras
    es: nosotros nuestra nuestro nunca o oiga os otra otras otro otros oye para parece pasa pasar paso peor perdon pero poca
    es: poco podemos poder podria podrian pone poner pongo por porque puede pueden puedes puedo pues que querer quien quienes
    es: quiere quieren quiero quisiera sabe saber saludos se segun ser si sido siempre siendo sin sino sirve sobre solo somos
    es: son soy su sus tambien tampoco tan tanto tarda tardan tardes te tenemos tener tengo tenia tiempo tiene tienen tienes
    es: toda todas todavia todo todos tras tu tus u un una unas unos usted ustedes va vale vamos van veces veo ver vez vosotros
    es: voy vuestra vuestro y ya yo
    """
)
"""Language -> the words that hold a sentence together, folded: they tell a language at once."""
