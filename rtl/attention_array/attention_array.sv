// attention_array: attention by several engines at once: kv head h, with its q heads, by engine h % Engines as its local head h / Engines.
//
//   y [heads][D] = attention of every kv head's group      (golden/attention_array.py: the bits are those of golden/attention.py)
//
// One command a token and layer, one stream of q, of k, of v; the lines are dealt out to the engines as they come, and the engines'
// results are put into the order of the heads again. An engine that has no head gets no command.
//
// Cache:         port p = e * Ways + j is that of engine e and its way j. From key_base_i[p] + cache_k on it has the keys of local heads
//                0, 1, ..: bf16 [local heads][max_context][head_dim / Ways], dimensions d with (d / 16) % Ways == j; values likewise.
//                Reads start with the command and run ahead into the next ones; see attention.
// Latency:       that of attention and 1. With one kv head, n positions, m of them in the last block, b = D/(16 Ways), what lies before
//                the position read already, and k and v beside q: from q's last line to the first line of y
//                n b + 165 + 5 log2(MaxHeadDim/16) + m cycles, and 5 + max(0, 12 b - 23 + (16 - m)(b + 1))
//                behind a first block, else max(0, 12 b - 18). A group's lines follow every 4 cycles.
// Throughput:    the engines work at the same time, each as attention does, on tokens that follow each other without a pause. One line
//                of each stream, in and out, a cycle.
// Back-pressure: every ready depends on registers and stop. A stream waits for the engine whose turn it is: q while that engine has two
//                groups, k and v while it has KvBeats lines, so with kv_heads <= 2 Engines and their lines in KvBeats q, k and v of a
//                token may come in any order. Results wait for those of the heads before; an engine has a queue of 8 lines and places for
//                two groups behind it.
// Errors:        as attention, and error_engine_o: the first engine that stopped (0 if heads and kv_heads do not fit). It stops all others.
// Clear, reset:  as attention, of all engines.
//
// Parameters:
//   Engines  1, 2, 4 or 8
//   the others as in attention, of every engine; KvBeats of its own kv heads' lines
module attention_array
  import attention_pkg::*;
  import attention_array_pkg::*;
#(
    parameter int unsigned Engines = 2,
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 2,
    parameter int unsigned MaxHeadDim = 128,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 8192,
    parameter int unsigned KvBeats = 32,
    parameter int unsigned Blocks = 4
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    // where the caches of each port begin: byte addresses, constant while busy
    input  logic [Engines*Ways-1:0][AddrW-1:0]      key_base_i,
    input  logic [Engines*Ways-1:0][AddrW-1:0]      value_base_i,
    // a token
    input  logic [PositionW-1:0]                    s_cmd_position,
    input  logic [PositionW:0]                      s_cmd_max_context,
    input  logic [AddrW-1:0]                        s_cmd_cache_k,     // the layer's, from the base on
    input  logic [AddrW-1:0]                        s_cmd_cache_v,
    input  logic [7:0]                              s_cmd_heads,
    input  logic [7:0]                              s_cmd_kv_heads,
    input  logic [9:0]                              s_cmd_head_dim,
    input  logic [31:0]                             s_cmd_scale,
    input  logic                                    s_cmd_tvalid,
    output logic                                    s_cmd_tready,
    // its heads, lines of 16 * Ways binary32 values
    input  logic [32*Lanes*Ways-1:0]                s_axis_q_tdata,
    input  logic                                    s_axis_q_tvalid,
    output logic                                    s_axis_q_tready,
    input  logic [32*Lanes*Ways-1:0]                s_axis_k_tdata,
    input  logic                                    s_axis_k_tvalid,
    output logic                                    s_axis_k_tready,
    input  logic [32*Lanes*Ways-1:0]                s_axis_v_tdata,
    input  logic                                    s_axis_v_tvalid,
    output logic                                    s_axis_v_tready,
    // what it attends to
    output logic [32*Lanes*Ways-1:0]                m_axis_tdata,
    output logic                                    m_axis_tlast,
    output logic                                    m_axis_tvalid,
    input  logic                                    m_axis_tready,
    // AXI4, keys of each engine and way
    output logic [Engines*Ways-1:0][IdW-1:0]              m_axi_k_arid,
    output logic [Engines*Ways-1:0][AddrW-1:0]            m_axi_k_araddr,
    output logic [Engines*Ways-1:0][7:0]                  m_axi_k_arlen,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_k_arsize,
    output logic [Engines*Ways-1:0][1:0]                  m_axi_k_arburst,
    output logic [Engines*Ways-1:0][3:0]                  m_axi_k_arcache,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_k_arprot,
    output logic [Engines*Ways-1:0]                       m_axi_k_arvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_k_arready,
    input  logic [Engines*Ways-1:0][IdW-1:0]              m_axi_k_rid,
    input  logic [Engines*Ways-1:0][16*Lanes-1:0]         m_axi_k_rdata,
    input  logic [Engines*Ways-1:0][1:0]                  m_axi_k_rresp,
    input  logic [Engines*Ways-1:0]                       m_axi_k_rlast,
    input  logic [Engines*Ways-1:0]                       m_axi_k_rvalid,
    output logic [Engines*Ways-1:0]                       m_axi_k_rready,
    output logic [Engines*Ways-1:0][IdW-1:0]              m_axi_k_awid,
    output logic [Engines*Ways-1:0][AddrW-1:0]            m_axi_k_awaddr,
    output logic [Engines*Ways-1:0][7:0]                  m_axi_k_awlen,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_k_awsize,
    output logic [Engines*Ways-1:0][1:0]                  m_axi_k_awburst,
    output logic [Engines*Ways-1:0][3:0]                  m_axi_k_awcache,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_k_awprot,
    output logic [Engines*Ways-1:0]                       m_axi_k_awvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_k_awready,
    output logic [Engines*Ways-1:0][16*Lanes-1:0]         m_axi_k_wdata,
    output logic [Engines*Ways-1:0][2*Lanes-1:0]          m_axi_k_wstrb,
    output logic [Engines*Ways-1:0]                       m_axi_k_wlast,
    output logic [Engines*Ways-1:0]                       m_axi_k_wvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_k_wready,
    input  logic [Engines*Ways-1:0][IdW-1:0]              m_axi_k_bid,
    input  logic [Engines*Ways-1:0][1:0]                  m_axi_k_bresp,
    input  logic [Engines*Ways-1:0]                       m_axi_k_bvalid,
    output logic [Engines*Ways-1:0]                       m_axi_k_bready,
    // AXI4, values of each engine and way
    output logic [Engines*Ways-1:0][IdW-1:0]              m_axi_v_arid,
    output logic [Engines*Ways-1:0][AddrW-1:0]            m_axi_v_araddr,
    output logic [Engines*Ways-1:0][7:0]                  m_axi_v_arlen,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_v_arsize,
    output logic [Engines*Ways-1:0][1:0]                  m_axi_v_arburst,
    output logic [Engines*Ways-1:0][3:0]                  m_axi_v_arcache,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_v_arprot,
    output logic [Engines*Ways-1:0]                       m_axi_v_arvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_v_arready,
    input  logic [Engines*Ways-1:0][IdW-1:0]              m_axi_v_rid,
    input  logic [Engines*Ways-1:0][16*Lanes-1:0]         m_axi_v_rdata,
    input  logic [Engines*Ways-1:0][1:0]                  m_axi_v_rresp,
    input  logic [Engines*Ways-1:0]                       m_axi_v_rlast,
    input  logic [Engines*Ways-1:0]                       m_axi_v_rvalid,
    output logic [Engines*Ways-1:0]                       m_axi_v_rready,
    output logic [Engines*Ways-1:0][IdW-1:0]              m_axi_v_awid,
    output logic [Engines*Ways-1:0][AddrW-1:0]            m_axi_v_awaddr,
    output logic [Engines*Ways-1:0][7:0]                  m_axi_v_awlen,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_v_awsize,
    output logic [Engines*Ways-1:0][1:0]                  m_axi_v_awburst,
    output logic [Engines*Ways-1:0][3:0]                  m_axi_v_awcache,
    output logic [Engines*Ways-1:0][2:0]                  m_axi_v_awprot,
    output logic [Engines*Ways-1:0]                       m_axi_v_awvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_v_awready,
    output logic [Engines*Ways-1:0][16*Lanes-1:0]         m_axi_v_wdata,
    output logic [Engines*Ways-1:0][2*Lanes-1:0]          m_axi_v_wstrb,
    output logic [Engines*Ways-1:0]                       m_axi_v_wlast,
    output logic [Engines*Ways-1:0]                       m_axi_v_wvalid,
    input  logic [Engines*Ways-1:0]                       m_axi_v_wready,
    input  logic [Engines*Ways-1:0][IdW-1:0]              m_axi_v_bid,
    input  logic [Engines*Ways-1:0][1:0]                  m_axi_v_bresp,
    input  logic [Engines*Ways-1:0]                       m_axi_v_bvalid,
    output logic [Engines*Ways-1:0]                       m_axi_v_bready,
    // control and status
    input  logic                                    clear_i,
    output logic                                    busy_o,            // a token taken is not delivered or not written yet, or a clear
    output logic                                    idle_o,            // !busy_o
    output logic                                    error_o,
    output fault_e                                  error_fault_o,
    output logic [3:0]                              error_cause_o,     // of hbm_streamer_pkg, if it was memory
    output logic [AddrW-1:0]                        error_addr_o,      // if it was memory
    output logic [2:0]                              error_engine_o
);
  localparam int unsigned EngineW = (Engines > 1) ? $clog2(Engines) : 1;
  localparam int unsigned DataW = 32 * Lanes * Ways;
  localparam int unsigned Tokens = 4;  // that can wait for each stream

  if (Engines != 1 && Engines != 2 && Engines != 4 && Engines != 8) $error("%m: Engines is %0d, allowed: 1, 2, 4, 8", Engines);

  // ---- stop and clear ------------------------------------------------------------------------------------------------
  logic clear_q, error_q, refused;
  logic [Engines-1:0] engine_idle, engine_error;
  fault_e engine_fault[Engines], fault;
  logic [Engines-1:0][3:0] engine_cause;
  logic [Engines-1:0][AddrW-1:0] engine_addr;
  logic [2:0] failed;  // the first
  wire stop = error_q || clear_q;
  wire core_rst_n = rst_ni && !clear_q;
  wire quiet = &engine_idle;

  always_comb begin
    failed = '0;
    for (int unsigned e = Engines; e > 0; e--) if (engine_error[e-1]) failed = 3'(e - 1);
    fault = (engine_error != '0) ? engine_fault[EngineW'(failed)] : refused ? FaultCommand : FaultNone;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clear_q <= 1'b0;
      error_q <= 1'b0;
    end else begin
      clear_q <= clear_i || (clear_q && !quiet);
      error_q <= !clear_q && (error_q || fault != FaultNone);
    end
    if (!rst_ni || clear_q) error_fault_o <= FaultNone;
    else if (!error_q) error_fault_o <= fault;
    if (!error_q) begin
      error_cause_o  <= (engine_error != '0) ? engine_cause[EngineW'(failed)] : '0;
      error_addr_o   <= engine_addr[EngineW'(failed)];
      error_engine_o <= failed;
    end
  end
  assign error_o = error_q;

  logic [7:0] tokens_q;  // taken and not delivered
  wire taken = s_cmd_tvalid && s_cmd_tready;
  wire delivered = m_axis_tvalid && m_axis_tready && m_axis_tlast;
  always_ff @(posedge clk_i) begin
    if (!core_rst_n) tokens_q <= '0;
    else tokens_q <= tokens_q + 8'(taken) - 8'(delivered);
  end
  assign busy_o = clear_q || !quiet || (tokens_q != '0 && !error_q);
  assign idle_o = !busy_o;

  // ---- commands --------------------------------------------------------------------------------------------------------
  logic [PositionW-1:0] position_q;
  logic [PositionW:0] max_context_q;
  logic [AddrW-1:0] cache_k_q, cache_v_q;
  logic [9:0] head_dim_q;
  logic [31:0] scale_q;
  logic [Engines-1:0][7:0] cmd_heads, cmd_kv_heads;
  logic [Engines-1:0] cmd_valid, cmd_ready;
  round_t q_round, kv_round;
  logic round_valid, q_room, k_room, v_room, y_room;
  wire round_ready = q_room && k_room && v_room && y_room;
  wire spread = round_valid && round_ready;
  always_ff @(posedge clk_i) begin
    if (taken) begin
      position_q    <= s_cmd_position;
      max_context_q <= s_cmd_max_context;
      cache_k_q     <= s_cmd_cache_k;
      cache_v_q     <= s_cmd_cache_v;
      head_dim_q    <= s_cmd_head_dim;
      scale_q       <= s_cmd_scale;
    end
  end
  attention_array_judge #(.Engines(Engines), .Ways(Ways), .QHeads(QHeads)) u_judge (
      .clk_i, .rst_ni(core_rst_n), .stop_i(stop), .s_cmd_heads, .s_cmd_kv_heads, .s_cmd_head_dim, .s_cmd_tvalid, .s_cmd_tready,
      .m_q_round_o(q_round), .m_kv_round_o(kv_round), .m_valid_o(round_valid), .m_ready_i(round_ready),
      .m_cmd_heads_o(cmd_heads), .m_cmd_kv_heads_o(cmd_kv_heads), .m_cmd_valid_o(cmd_valid), .m_cmd_ready_i(cmd_ready),
      .refused_o(refused)
  );

  // ---- whose lines ------------------------------------------------------------------------------------------------------
  logic [EngineW-1:0] q_turn, k_turn, v_turn, y_turn;
  logic q_any, k_any, v_any, y_any, q_last, k_last, v_last, y_last, y_go;
  logic [Engines-1:0] q_ready, k_ready, v_ready, y_valid, y_ready;
  logic [Engines-1:0][DataW-1:0] y_data;
  assign s_axis_q_tready = q_any && q_ready[q_turn] && !stop;
  assign s_axis_k_tready = k_any && k_ready[k_turn] && !stop;
  assign s_axis_v_tready = v_any && v_ready[v_turn] && !stop;
  attention_array_turns #(.Engines(Engines), .Tokens(Tokens)) u_q (
      .clk_i, .rst_ni(core_rst_n), .s_round_i(q_round), .s_valid_i(spread), .s_ready_o(q_room),
      .valid_o(q_any), .engine_o(q_turn), .last_o(q_last), .move_i(s_axis_q_tvalid && s_axis_q_tready)
  );
  attention_array_turns #(.Engines(Engines), .Tokens(Tokens)) u_k (
      .clk_i, .rst_ni(core_rst_n), .s_round_i(kv_round), .s_valid_i(spread), .s_ready_o(k_room),
      .valid_o(k_any), .engine_o(k_turn), .last_o(k_last), .move_i(s_axis_k_tvalid && s_axis_k_tready)
  );
  attention_array_turns #(.Engines(Engines), .Tokens(Tokens)) u_v (
      .clk_i, .rst_ni(core_rst_n), .s_round_i(kv_round), .s_valid_i(spread), .s_ready_o(v_room),
      .valid_o(v_any), .engine_o(v_turn), .last_o(v_last), .move_i(s_axis_v_tvalid && s_axis_v_tready)
  );
  attention_array_turns #(.Engines(Engines), .Tokens(2 * Tokens)) u_y (
      .clk_i, .rst_ni(core_rst_n), .s_round_i(q_round), .s_valid_i(spread), .s_ready_o(y_room),
      .valid_o(y_any), .engine_o(y_turn), .last_o(y_last), .move_i(y_go)
  );

  logic out_room;
  wire out_valid = y_any && y_valid[y_turn];
  assign y_go = out_valid && out_room;
  spill_register #(.Width(DataW + 1)) u_out (
      .clk_i, .rst_ni(core_rst_n), .s_data_i({y_last, y_data[y_turn]}), .s_valid_i(out_valid), .s_ready_o(out_room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  // ---- engines -----------------------------------------------------------------------------------------------------------
  logic [Engines-1:0] engine_busy, engine_last;
  for (genvar e = 0; e < Engines; e++) begin : gen_engines
    assign y_ready[e] = y_any && out_room && y_turn == EngineW'(e);
    attention #(
        .Ways(Ways), .QHeads(QHeads), .MaxHeadDim(MaxHeadDim), .KvBits(KvBits), .AddrW(AddrW), .IdW(IdW), .ReadBeats(ReadBeats),
        .WindowBytes(WindowBytes), .KvBeats(KvBeats), .Blocks(Blocks)
    ) u_engine (
        .clk_i, .rst_ni, .key_base_i(key_base_i[Ways*e+:Ways]), .value_base_i(value_base_i[Ways*e+:Ways]),
        .s_cmd_position(position_q), .s_cmd_max_context(max_context_q), .s_cmd_cache_k(cache_k_q), .s_cmd_cache_v(cache_v_q),
        .s_cmd_heads(cmd_heads[e]), .s_cmd_kv_heads(cmd_kv_heads[e]), .s_cmd_head_dim(head_dim_q), .s_cmd_scale(scale_q),
        .s_cmd_tvalid(cmd_valid[e]), .s_cmd_tready(cmd_ready[e]),
        .s_axis_q_tdata, .s_axis_q_tvalid(s_axis_q_tvalid && q_any && q_turn == EngineW'(e)), .s_axis_q_tready(q_ready[e]),
        .s_axis_k_tdata, .s_axis_k_tvalid(s_axis_k_tvalid && k_any && k_turn == EngineW'(e)), .s_axis_k_tready(k_ready[e]),
        .s_axis_v_tdata, .s_axis_v_tvalid(s_axis_v_tvalid && v_any && v_turn == EngineW'(e)), .s_axis_v_tready(v_ready[e]),
        .m_axis_tdata(y_data[e]), .m_axis_tlast(engine_last[e]), .m_axis_tvalid(y_valid[e]), .m_axis_tready(y_ready[e]),
        .m_axi_k_arid(m_axi_k_arid[Ways*e+:Ways]), .m_axi_k_araddr(m_axi_k_araddr[Ways*e+:Ways]),
        .m_axi_k_arlen(m_axi_k_arlen[Ways*e+:Ways]), .m_axi_k_arsize(m_axi_k_arsize[Ways*e+:Ways]),
        .m_axi_k_arburst(m_axi_k_arburst[Ways*e+:Ways]), .m_axi_k_arcache(m_axi_k_arcache[Ways*e+:Ways]),
        .m_axi_k_arprot(m_axi_k_arprot[Ways*e+:Ways]), .m_axi_k_arvalid(m_axi_k_arvalid[Ways*e+:Ways]),
        .m_axi_k_arready(m_axi_k_arready[Ways*e+:Ways]), .m_axi_k_rid(m_axi_k_rid[Ways*e+:Ways]),
        .m_axi_k_rdata(m_axi_k_rdata[Ways*e+:Ways]), .m_axi_k_rresp(m_axi_k_rresp[Ways*e+:Ways]),
        .m_axi_k_rlast(m_axi_k_rlast[Ways*e+:Ways]), .m_axi_k_rvalid(m_axi_k_rvalid[Ways*e+:Ways]),
        .m_axi_k_rready(m_axi_k_rready[Ways*e+:Ways]), .m_axi_k_awid(m_axi_k_awid[Ways*e+:Ways]),
        .m_axi_k_awaddr(m_axi_k_awaddr[Ways*e+:Ways]), .m_axi_k_awlen(m_axi_k_awlen[Ways*e+:Ways]),
        .m_axi_k_awsize(m_axi_k_awsize[Ways*e+:Ways]), .m_axi_k_awburst(m_axi_k_awburst[Ways*e+:Ways]),
        .m_axi_k_awcache(m_axi_k_awcache[Ways*e+:Ways]), .m_axi_k_awprot(m_axi_k_awprot[Ways*e+:Ways]),
        .m_axi_k_awvalid(m_axi_k_awvalid[Ways*e+:Ways]), .m_axi_k_awready(m_axi_k_awready[Ways*e+:Ways]),
        .m_axi_k_wdata(m_axi_k_wdata[Ways*e+:Ways]), .m_axi_k_wstrb(m_axi_k_wstrb[Ways*e+:Ways]),
        .m_axi_k_wlast(m_axi_k_wlast[Ways*e+:Ways]), .m_axi_k_wvalid(m_axi_k_wvalid[Ways*e+:Ways]),
        .m_axi_k_wready(m_axi_k_wready[Ways*e+:Ways]), .m_axi_k_bid(m_axi_k_bid[Ways*e+:Ways]),
        .m_axi_k_bresp(m_axi_k_bresp[Ways*e+:Ways]), .m_axi_k_bvalid(m_axi_k_bvalid[Ways*e+:Ways]),
        .m_axi_k_bready(m_axi_k_bready[Ways*e+:Ways]),
        .m_axi_v_arid(m_axi_v_arid[Ways*e+:Ways]), .m_axi_v_araddr(m_axi_v_araddr[Ways*e+:Ways]),
        .m_axi_v_arlen(m_axi_v_arlen[Ways*e+:Ways]), .m_axi_v_arsize(m_axi_v_arsize[Ways*e+:Ways]),
        .m_axi_v_arburst(m_axi_v_arburst[Ways*e+:Ways]), .m_axi_v_arcache(m_axi_v_arcache[Ways*e+:Ways]),
        .m_axi_v_arprot(m_axi_v_arprot[Ways*e+:Ways]), .m_axi_v_arvalid(m_axi_v_arvalid[Ways*e+:Ways]),
        .m_axi_v_arready(m_axi_v_arready[Ways*e+:Ways]), .m_axi_v_rid(m_axi_v_rid[Ways*e+:Ways]),
        .m_axi_v_rdata(m_axi_v_rdata[Ways*e+:Ways]), .m_axi_v_rresp(m_axi_v_rresp[Ways*e+:Ways]),
        .m_axi_v_rlast(m_axi_v_rlast[Ways*e+:Ways]), .m_axi_v_rvalid(m_axi_v_rvalid[Ways*e+:Ways]),
        .m_axi_v_rready(m_axi_v_rready[Ways*e+:Ways]), .m_axi_v_awid(m_axi_v_awid[Ways*e+:Ways]),
        .m_axi_v_awaddr(m_axi_v_awaddr[Ways*e+:Ways]), .m_axi_v_awlen(m_axi_v_awlen[Ways*e+:Ways]),
        .m_axi_v_awsize(m_axi_v_awsize[Ways*e+:Ways]), .m_axi_v_awburst(m_axi_v_awburst[Ways*e+:Ways]),
        .m_axi_v_awcache(m_axi_v_awcache[Ways*e+:Ways]), .m_axi_v_awprot(m_axi_v_awprot[Ways*e+:Ways]),
        .m_axi_v_awvalid(m_axi_v_awvalid[Ways*e+:Ways]), .m_axi_v_awready(m_axi_v_awready[Ways*e+:Ways]),
        .m_axi_v_wdata(m_axi_v_wdata[Ways*e+:Ways]), .m_axi_v_wstrb(m_axi_v_wstrb[Ways*e+:Ways]),
        .m_axi_v_wlast(m_axi_v_wlast[Ways*e+:Ways]), .m_axi_v_wvalid(m_axi_v_wvalid[Ways*e+:Ways]),
        .m_axi_v_wready(m_axi_v_wready[Ways*e+:Ways]), .m_axi_v_bid(m_axi_v_bid[Ways*e+:Ways]),
        .m_axi_v_bresp(m_axi_v_bresp[Ways*e+:Ways]), .m_axi_v_bvalid(m_axi_v_bvalid[Ways*e+:Ways]),
        .m_axi_v_bready(m_axi_v_bready[Ways*e+:Ways]),
        .stop_i(error_q), .clear_i, .busy_o(engine_busy[e]), .idle_o(engine_idle[e]), .error_o(engine_error[e]),
        .error_fault_o(engine_fault[e]), .error_cause_o(engine_cause[e]), .error_addr_o(engine_addr[e])
    );
  end
  wire unused = ^{engine_busy, engine_last, q_last, k_last, v_last, failed};

  stream_checker #(.Width(DataW + 1)) u_out_rules (
      .clk_i, .rst_ni(core_rst_n && !clear_i), .valid_i(m_axis_tvalid), .ready_i(m_axis_tready),
      .data_i({m_axis_tlast, m_axis_tdata})
  );
  a_last :  // the token's last line is its engine's last too
  assert property (@(posedge clk_i) disable iff (!core_rst_n) y_go && y_last |-> engine_last[y_turn]);
  a_tokens :
  assert property (@(posedge clk_i) disable iff (!core_rst_n) delivered |-> tokens_q != '0);
  a_sticky :
  assert property (@(posedge clk_i) disable iff (!core_rst_n || clear_i)
      error_o |=> error_o && $stable({error_fault_o, error_cause_o, error_addr_o, error_engine_o}));
endmodule
