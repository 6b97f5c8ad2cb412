// accel_regs: the registers of the accelerator behind AXI4-Lite, its prompt and output rings, counters, watchdog and interrupt.
//
// Registers:  accel_regs.rdl, docs/registers.md; the register block itself (accel_regs_csr) is generated from it.
// Run:        start is taken when nothing runs, no error stands and status_i.idle: run_o.start, one cycle. What the run needs in run_o
//             is write-protected from the start until it ends. It ends with status_i.done, status_i.error or the watchdog, whichever is first; what
//             the sequencer says after that is ignored until the next start.
// Prompt:     the tokens that are in the ring at the start are the run's prompt, tlast on the last; later ones are the next run's, and
//             so are those that a run has left when it ends (tvalid falls then).
// Output:     m to s: a token can be popped 3 cycles after it was taken; STATUS and IRQ_STATUS come 5 cycles after their cause, irq_o
//             6, so whoever sees done finds all tokens.
// Clear:      run, rings, error and flags are gone, run_o.clear (one cycle); STATUS.idle is 0 until the sequencer is idle again.
// Watchdog:   run_o.watchdog rises WATCHDOG + 3 cycles after the last status_i.progress and stays up until a clear. A token
//             that waits for room in the output ring and a new value of WATCHDOG start the count anew.
// Latency:    AXI4-Lite address to answer: write 3, read 5 cycles when idle; a write is seen in run_o 3 cycles later, a start 4.
// Throughput: one access at a time, a write every 3 cycles, a read every 5; reads and writes take turns.
// Back-pressure: an access begins when the answer before it was taken; a full output ring stops s_axis_output; the prompt ring never
//             stops the host: what does not fit is dropped and flagged.
// Access:     writing what is read-only, reading what is write-only and addresses of nothing answer SLVERR.
//
// Parameters:
//   RingDepth     tokens of each ring, 4 to 32768
//   Slices        lookup slices, 1 to 64; for the host to read
//   Ports         memory ports, 1 to 255; for the host to read
//   HardwareHash  of the parameters, as in the image's header; for the host to read
module accel_regs
  import accel_regs_pkg::*;
#(
    parameter int unsigned RingDepth = 4096,
    parameter int unsigned Slices = 2,
    parameter int unsigned Ports = 8,
    parameter logic [63:0] HardwareHash = 64'd0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // host, AXI4-Lite
    input  logic [ 8:0] s_axil_awaddr,
    input  logic [ 2:0] s_axil_awprot,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic [ 3:0] s_axil_wstrb,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [ 8:0] s_axil_araddr,
    input  logic [ 2:0] s_axil_arprot,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic        irq_o,
    // sequencer
    output run_t        run_o,
    input  status_t     status_i,
    output logic [31:0] m_axis_prompt_tdata,
    output logic        m_axis_prompt_tlast,
    output logic        m_axis_prompt_tvalid,
    input  logic        m_axis_prompt_tready,
    input  logic [30:0] s_axis_output_tdata,
    input  logic        s_axis_output_tvalid,
    output logic        s_axis_output_tready
);
  import accel_regs_csr_pkg::*;

  localparam int unsigned Counters = Units + Classes + 3;
  localparam int unsigned Settle = 4;  // cycles from a token's arrival to where the host can surely pop it

  if (RingDepth < 4 || RingDepth > 32768) $error("%m: RingDepth is %0d, allowed: 4 to 32768", RingDepth);
  if (Slices < 1 || Slices > 64) $error("%m: Slices is %0d, allowed: 1 to 64", Slices);
  if (Ports < 1 || Ports > 255) $error("%m: Ports is %0d, allowed: 1 to 255", Ports);

  accel_regs__in_t to_csr;
  accel_regs__out_t csr;

  logic req, req_write, read_ack, read_error, write_ack, write_error;
  logic unused_stall_write, unused_stall_read;  // only where accesses overlap
  logic [8:2] req_addr;
  logic [31:0] req_data, req_bits, read_data;
  wire unused_prot = ^{s_axil_awprot, s_axil_arprot};

  accel_regs_axil i_axil (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .req_o        (req),
      .write_o      (req_write),
      .addr_o       (req_addr),
      .data_o       (req_data),
      .bits_o       (req_bits),
      .read_ack_i   (read_ack),
      .read_error_i (read_error),
      .read_data_i  (read_data),
      .write_ack_i  (write_ack),
      .write_error_i(write_error)
  );

  accel_regs_csr i_csr (
      .clk                 (clk_i),
      .rst_n               (rst_ni),
      .s_cpuif_req         (req),
      .s_cpuif_req_is_wr   (req_write),
      .s_cpuif_addr        ({req_addr, 2'b00}),
      .s_cpuif_wr_data     (req_data),
      .s_cpuif_wr_biten    (req_bits),
      .s_cpuif_req_stall_wr(unused_stall_write),
      .s_cpuif_req_stall_rd(unused_stall_read),
      .s_cpuif_rd_ack      (read_ack),
      .s_cpuif_rd_err      (read_error),
      .s_cpuif_rd_data     (read_data),
      .s_cpuif_wr_ack      (write_ack),
      .s_cpuif_wr_err      (write_error),
      .hwif_in             (to_csr),
      .hwif_out            (csr)
  );

  // ---- state of the run ----------------------------------------------------------------------------------------------
  logic run_q, start_q, clear_q, seek_q, abort_q, watchdog_q, expired, refused_q;
  logic [Settle-1:0] done_q, error_q, token_q, clearing_q;  // on their way to STATUS and interrupts
  logic done_seen_q, error_seen_q;
  ended_e ended_by_q;
  cause_e cause_q;
  logic [7:0] place_q;
  logic [15:0] descriptor_q;
  logic [63:0] addr_q;
  logic [31:0] produced_q, position_q;

  wire clear = csr.CONTROL.clear.value;
  wire ending = done_q != '0 || error_q != '0;
  wire idle = !run_q && !ending && !error_seen_q && clearing_q == '0 && status_i.idle;
  wire start = csr.CONTROL.start.value && idle && !clear;
  wire done = run_q && status_i.done && !status_i.error;
  wire error = run_q && (status_i.error || (expired && !status_i.done));
  wire token = s_axis_output_tvalid && s_axis_output_tready;

  always_ff @(posedge clk_i) begin
    start_q    <= start;
    clear_q    <= clear;
    seek_q     <= csr.SEEK.position.swmod && idle;
    clearing_q <= {clearing_q[Settle-2:0], clear};
    done_q     <= {done_q[Settle-2:0], done};
    error_q    <= {error_q[Settle-2:0], error};
    token_q    <= {token_q[Settle-2:0], token};
    position_q <= status_i.position;
    if (start) run_q <= 1'b1;
    else if (done || error) run_q <= 1'b0;
    if (csr.CONTROL.start.value) refused_q <= !start;
    abort_q <= run_q && !done && !error && (abort_q || csr.CONTROL.abort.value);
    if (start) begin
      done_seen_q <= 1'b0;
      ended_by_q  <= EndedNone;
      produced_q  <= '0;
    end else begin
      if (done_q[Settle-1]) done_seen_q <= 1'b1;
      if (done) ended_by_q <= status_i.ended_by;
      if (token) produced_q <= produced_q + 1;
    end
    if (error_q[Settle-1]) error_seen_q <= 1'b1;
    if (error) begin
      watchdog_q   <= !status_i.error;
      cause_q      <= status_i.error ? status_i.cause : CauseWatchdog;
      place_q      <= status_i.error ? status_i.place : 8'(status_i.turn);
      addr_q       <= status_i.error ? status_i.addr : '0;
      descriptor_q <= status_i.descriptor;
    end
    if (!rst_ni || clear) begin
      start_q      <= 1'b0;
      seek_q       <= 1'b0;
      done_q       <= '0;
      error_q      <= '0;
      token_q      <= '0;
      run_q        <= 1'b0;
      refused_q    <= 1'b0;
      abort_q      <= 1'b0;
      watchdog_q   <= 1'b0;
      done_seen_q  <= 1'b0;
      error_seen_q <= 1'b0;
      ended_by_q   <= EndedNone;
      cause_q      <= CauseNone;
      place_q      <= '0;
      addr_q       <= '0;
      descriptor_q <= '0;
      produced_q   <= '0;
    end
    if (!rst_ni) begin
      clear_q    <= 1'b0;
      clearing_q <= '0;
    end
  end

  // ---- watchdog --------------------------------------------------------------------------------------------------------
  logic [31:0] quiet_q, limit_q;
  logic [1:0] equal_q;  // halves, so that the comparison of 32 bits is two steps

  assign expired = equal_q == '1;
  always_ff @(posedge clk_i) begin
    limit_q <= csr.WATCHDOG.value.value;
    equal_q <= '0;
    if (!run_q || status_i.progress || limit_q == '0 || limit_q != csr.WATCHDOG.value.value) quiet_q <= '0;
    else if (s_axis_output_tvalid && !s_axis_output_tready) quiet_q <= '0;
    else begin
      quiet_q    <= quiet_q + 1;
      equal_q[0] <= quiet_q[15:0] == limit_q[15:0];
      equal_q[1] <= quiet_q[31:16] == limit_q[31:16];
    end
    if (!rst_ni) quiet_q <= '0;
  end

  // ---- rings -----------------------------------------------------------------------------------------------------------
  logic push_q, overflow_q, prompt_room, prompt_some, output_some;
  logic [15:0] prompt_level, output_level;
  logic [15:0] prompt_left_q;  // of this run
  logic [31:0] prompt_tokens_q;
  logic [30:0] output_token;

  wire prompt_pop = m_axis_prompt_tvalid && m_axis_prompt_tready;
  wire output_read = csr.OUTPUT.token.swacc;

  accel_regs_ring #(
      .Width(32),
      .Depth(RingDepth)
  ) i_prompt (
      .clk_i,
      .rst_ni,
      .clear_i  (clear),
      .s_data_i (csr.PROMPT.token.value),
      .s_valid_i(push_q),
      .s_ready_o(prompt_room),
      .m_data_o (m_axis_prompt_tdata),
      .m_valid_o(prompt_some),
      .m_ready_i(prompt_pop),
      .level_o  (prompt_level)
  );
  assign m_axis_prompt_tvalid = prompt_some && prompt_left_q != '0 && run_q;
  assign m_axis_prompt_tlast  = prompt_left_q == 16'd1;

  always_ff @(posedge clk_i) begin
    push_q <= csr.PROMPT.token.swmod;
    if (push_q && !prompt_room) overflow_q <= 1'b1;
    if (start) begin
      prompt_left_q   <= prompt_level;
      prompt_tokens_q <= 32'(prompt_level);
    end else if (prompt_pop) prompt_left_q <= prompt_left_q - 1;
    if (!rst_ni || clear) begin
      push_q        <= 1'b0;
      overflow_q    <= 1'b0;
      prompt_left_q <= '0;
    end
  end

  accel_regs_ring #(
      .Width(31),
      .Depth(RingDepth)
  ) i_output (
      .clk_i,
      .rst_ni,
      .clear_i  (clear),
      .s_data_i (s_axis_output_tdata),
      .s_valid_i(s_axis_output_tvalid),
      .s_ready_o(s_axis_output_tready),
      .m_data_o (output_token),
      .m_valid_o(output_some),
      .m_ready_i(output_read),
      .level_o  (output_level)
  );

  // ---- counters --------------------------------------------------------------------------------------------------------
  logic [Counters-1:0][31:0] counter_lo;
  logic [Counters-1:0] counter_read;
  logic [31:0] counter_hi;

  accel_regs_counters i_counters (
      .clk_i,
      .rst_ni,
      .clear_i           (start),
      .run_i             (run_q),
      .turn_i            (status_i.turn),
      .stall_memory_i    (status_i.stall_memory),
      .stall_dependency_i(status_i.stall_dependency),
      .beats_i           (status_i.beats),
      .lo_o              (counter_lo),
      .lo_read_i         (counter_read),
      .hi_o              (counter_hi)
  );

  // ---- register block ----------------------------------------------------------------------------------------------------
  always_comb begin
    to_csr.locked = run_q || start;
    to_csr.HARDWARE_HASH_LO.value.next = HardwareHash[31:0];
    to_csr.HARDWARE_HASH_HI.value.next = HardwareHash[63:32];
    to_csr.CONFIG.slices.next = 8'(Slices);
    to_csr.CONFIG.ports.next = 8'(Ports);
    to_csr.CONFIG.ring_depth.next = 16'(RingDepth);
    to_csr.PROMPT_LEVEL.value.next = 32'(prompt_level);
    to_csr.OUTPUT.token.next = output_some ? output_token : '0;
    to_csr.OUTPUT.valid.next = output_some;
    to_csr.OUTPUT_LEVEL.value.next = output_some ? 32'(output_level) : '0;
    to_csr.STATUS.idle.next = idle;
    to_csr.STATUS.busy.next = run_q || ending;
    to_csr.STATUS.done.next = done_seen_q;
    to_csr.STATUS.error.next = error_seen_q;
    to_csr.STATUS.prompt_overflow.next = overflow_q;
    to_csr.STATUS.refused.next = refused_q;
    to_csr.STATUS.ended_by.next = ended_by_q;
    to_csr.POSITION.value.next = position_q;
    to_csr.PRODUCED.value.next = produced_q;
    to_csr.ERROR.cause.next = cause_q;
    to_csr.ERROR.unit.next = place_q;
    to_csr.ERROR.descriptor.next = descriptor_q;
    to_csr.ERROR_ADDR_LO.value.next = addr_q[31:0];
    to_csr.ERROR_ADDR_HI.value.next = addr_q[63:32];
    to_csr.IRQ_STATUS.done.hwset = done_q[Settle-1];
    to_csr.IRQ_STATUS.error.hwset = error_q[Settle-1];
    to_csr.IRQ_STATUS.output_available.hwset = token_q[Settle-1];
    to_csr.CYCLES.LO.value.next = counter_lo[0];
    to_csr.CYCLES.HI.value.next = counter_hi;
    for (int unsigned i = 0; i < Units; i++) begin
      to_csr.BUSY[i].LO.value.next = counter_lo[1+i];
      to_csr.BUSY[i].HI.value.next = counter_hi;
    end
    to_csr.STALL_MEMORY.LO.value.next = counter_lo[Units+1];
    to_csr.STALL_MEMORY.HI.value.next = counter_hi;
    to_csr.STALL_DEPENDENCY.LO.value.next = counter_lo[Units+2];
    to_csr.STALL_DEPENDENCY.HI.value.next = counter_hi;
    for (int unsigned i = 0; i < Classes; i++) begin
      to_csr.BYTES[i].LO.value.next = counter_lo[Units+3+i];
      to_csr.BYTES[i].HI.value.next = counter_hi;
    end
  end

  always_comb begin
    counter_read[0] = csr.CYCLES.LO.value.swacc;
    for (int unsigned i = 0; i < Units; i++) counter_read[1+i] = csr.BUSY[i].LO.value.swacc;
    counter_read[Units+1] = csr.STALL_MEMORY.LO.value.swacc;
    counter_read[Units+2] = csr.STALL_DEPENDENCY.LO.value.swacc;
    for (int unsigned i = 0; i < Classes; i++) counter_read[Units+3+i] = csr.BYTES[i].LO.value.swacc;
  end

  always_comb begin
    run_o.start         = start_q;
    run_o.abort_run     = abort_q;
    run_o.clear         = clear_q;
    run_o.seek          = seek_q;
    run_o.position      = csr.SEEK.position.value;
    run_o.watchdog      = watchdog_q;
    run_o.prompt_tokens = prompt_tokens_q;
    run_o.image         = {csr.IMAGE_HI.value.value, csr.IMAGE_LO.value.value};
    run_o.program_unit  = csr.PROGRAM.value.value;
    run_o.port_base     = {csr.PORT_BASE_HI.value.value, csr.PORT_BASE_LO.value.value};
    run_o.port_stride   = {csr.PORT_STRIDE_HI.value.value, csr.PORT_STRIDE_LO.value.value};
    run_o.max_context   = csr.MAX_CONTEXT.value.value;
    run_o.vocab         = csr.VOCAB.value.value;
    run_o.chunk         = csr.CHUNK.value.value;
    run_o.new_tokens    = csr.NEW_TOKENS.value.value;
    run_o.noise         = csr.SAMPLING.noise.value;
    run_o.stop          = csr.SAMPLING.stop.value;
    run_o.inv_temp      = csr.INV_TEMP.value.value;
    run_o.seed          = csr.SEED.value.value;
    for (int unsigned i = 0; i < EndTokens; i++) begin
      run_o.end_tokens[i] = '{valid: csr.END_TOKEN[i].valid.value, token: csr.END_TOKEN[i].token.value};
    end
  end

  always_ff @(posedge clk_i) begin
    irq_o <= (csr.IRQ_STATUS.done.value && csr.IRQ_ENABLE.done.value)
        || (csr.IRQ_STATUS.error.value && csr.IRQ_ENABLE.error.value)
        || (csr.IRQ_STATUS.output_available.value && csr.IRQ_ENABLE.output_available.value);
    if (!rst_ni) irq_o <= 1'b0;
  end

  // ---- promises --------------------------------------------------------------------------------------------------------
  a_start_idle :
  assert property (@(posedge clk_i) disable iff (!rst_ni) run_o.start |-> run_q && !error_seen_q && !$past(run_q));
  a_seek_between_runs :
  assert property (@(posedge clk_i) disable iff (!rst_ni) run_o.seek |-> !run_q);
  a_stable_run :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      run_q && $past(run_q) && !run_o.start |-> $stable({run_o.image, run_o.port_base, run_o.new_tokens, run_o.prompt_tokens}));
  a_prompt_of_run :
  assert property (@(posedge clk_i) disable iff (!rst_ni) 32'(prompt_left_q) <= prompt_tokens_q && prompt_left_q <= prompt_level);
  a_prompt_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || !run_q)
      m_axis_prompt_tvalid && !m_axis_prompt_tready |=> m_axis_prompt_tvalid && $stable({m_axis_prompt_tdata, m_axis_prompt_tlast}));
  a_done_has_tokens :
  assert property (@(posedge clk_i) disable iff (!rst_ni) done_q[Settle-1] && output_level != '0 |-> output_some);
  a_one_end :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0({done, error}) && !((done || error) && ending));
endmodule
