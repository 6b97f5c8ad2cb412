// attention: grouped-query attention of one token over a layer's key/value cache in memory, decode and causal prefill alike.
//
//   appends bf16(k), bf16(v) at `position`, then for every q head, over positions 0 .. position in blocks of 16:
//     s = (sum of q * k) * scale;  m' = maximum(m, s ...);  p = exp(s - m');  alpha = exp(m - m')
//     l = l * alpha + sum(p);  acc = acc * alpha + sum(p * v);   y = acc * reciprocal(l)         (golden/attention.py, every bit)
//
// With KvBits = 8 the cache holds int8 codes and a scale of every position and head (act_quant with 8 bits), and k, v in the formula are
// bf16(code * scale), at `position` too. Nothing else differs.
//
// One pass; the heads of a group share one reading of K and one of V. Head h uses the keys of head h / (heads / kv_heads). The
// position's own keys and values come from the queue on chip, those before it from memory.
//
// Ways:          a head's dimensions are dealt out, 16 by 16: way j has those with (d / 16) % Ways == j, on a port for keys and a port for
//                values. Results do not depend on it.
// Cache:         of way j the keys from key_base_i[j] + cache_k on, the values from value_base_i[j] + cache_v: bf16 [kv_heads]
//                [max_context][head_dim / Ways]; with KvBits = 8 [kv_heads][ceil(max_context / 8)] blocks of a beat, fp32 [8]
//                scales, and int8 [8][head_dim] codes. Caches of different layers do not overlap.
// Latency:       for position 0, from the first head's last line of k, if it comes last, to the first line of y:
//                33 + 3 Mul + (9 + log2(MaxHeadDim/16)) Add + Exp + Reciprocal cycles (170 + 5 log2 ..), 2 less with KvBeats <= 32, and with
//                b = D/(16 Ways) > 1 12 b - 18 more for the columns. At a later position add the positions of its last block less
//                one, and with m of them 5 + max(0, 12 b - 23 + (16 - m)(b + 1)) in place of the columns' share if it is not the
//                first block. KvBits = 8: 63 + D/16 cycles more.
// Throughput:    with b = D/(16 Ways), n positions and g q heads of a group, a kv head takes the longest of n * b cycles of reading,
//                max(16 b, m + 4) for every block of m positions (16, the last one fewer) and g * D / (4 Ways) + QHeads - g
//                cycles; kv heads and tokens follow each other without a pause as long as the memory answers as hbm_streamer's
//                header asks; with b = 1 a token whose last block has 8 to 11 positions takes a cycle more. With Blocks = 2 a partial last block costs up to half a block more. A kv head's reading is n * b
//                beats of each port; with KvBits = 8 it is ceil(n / 8) + n * b / 2, so about half of the cycles are the port's.
//                Reads start with the command and run ahead of q, k and v as far as ReadBeats goes, into the next commands too, unless
//                these are of a cache whose rows are still on their way.
// Back-pressure: results that are not taken stop everything up to the reads; every ready depends on registers and stop, those of k
//                and v on each other's queues too, with KvBits = 8 on their command. q, k and v must not wait for each other:
//                k and v of a token may have to be taken before its last q, unless kv_heads <= 2.
// Errors:        error_o rises, with fault and cause, when a command breaks a rule (address or base not of 32 bytes, position >=
//                max_context, max_context > 2^20, head_dim no multiple of 16 Ways (KvBits = 8: of 32) or above MaxHeadDim, heads no multiple of
//                kv_heads or more than QHeads times it) or when memory fails. Nothing is taken any more, results in flight may
//                still come. stop_i stops it in the same way: who has several stops all when one fails.
// Clear:         clear_i (a pulse, or held) drops everything, waits for what is in flight at the memory, takes error_o away.
//                m_axis_tvalid may fall. Until idle_o nothing is taken.
// Reset:         the memory side must be reset with it (AXI). Restart after clear or reset is like after power-up; the cache stays.
//
// Parameters:
//   Ways         ports of keys, and of values: 1, 2 or 4; a line has 16 * Ways values
//   QHeads       most q heads of a group, 1 to 15
//   MaxHeadDim   longest head, a power of two from 16 * Ways to 256
//   KvBits       of a number in the cache: 16 (bf16) or 8 (int8 with a scale per position and head; Ways = 1 only)
//   AddrW, IdW   of the AXI ports
//   ReadBeats    buffer of each reader (hbm_streamer BufferBeats)
//   WindowBytes  most bytes in flight of each reader
//   KvBeats      lines of k and of v that can wait on chip; a token's kv_heads * D/(16 Ways) should fit
//   Blocks       blocks of V that can wait, a power of two
module attention
  import attention_pkg::*;
#(
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 2,
    parameter int unsigned MaxHeadDim = 128,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned KvBeats = 128,
    parameter int unsigned Blocks = 4
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    // where the caches of each port begin: byte addresses, constant while busy
    input  logic [Ways-1:0][AddrW-1:0]              key_base_i,
    input  logic [Ways-1:0][AddrW-1:0]              value_base_i,
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
    input  logic [Ways-1:0][32*Lanes-1:0]           s_axis_q_tdata,
    input  logic                                    s_axis_q_tvalid,
    output logic                                    s_axis_q_tready,
    input  logic [Ways-1:0][32*Lanes-1:0]           s_axis_k_tdata,
    input  logic                                    s_axis_k_tvalid,
    output logic                                    s_axis_k_tready,
    input  logic [Ways-1:0][32*Lanes-1:0]           s_axis_v_tdata,
    input  logic                                    s_axis_v_tvalid,
    output logic                                    s_axis_v_tready,
    // what it attends to
    output logic [32*Lanes*Ways-1:0]                m_axis_tdata,
    output logic                                    m_axis_tlast,
    output logic                                    m_axis_tvalid,
    input  logic                                    m_axis_tready,
    // AXI4, keys of each way
    output logic [Ways-1:0][IdW-1:0]                      m_axi_k_arid,
    output logic [Ways-1:0][AddrW-1:0]                    m_axi_k_araddr,
    output logic [Ways-1:0][7:0]                          m_axi_k_arlen,
    output logic [Ways-1:0][2:0]                          m_axi_k_arsize,
    output logic [Ways-1:0][1:0]                          m_axi_k_arburst,
    output logic [Ways-1:0][3:0]                          m_axi_k_arcache,
    output logic [Ways-1:0][2:0]                          m_axi_k_arprot,
    output logic [Ways-1:0]                               m_axi_k_arvalid,
    input  logic [Ways-1:0]                               m_axi_k_arready,
    input  logic [Ways-1:0][IdW-1:0]                      m_axi_k_rid,
    input  logic [Ways-1:0][16*Lanes-1:0]                 m_axi_k_rdata,
    input  logic [Ways-1:0][1:0]                          m_axi_k_rresp,
    input  logic [Ways-1:0]                               m_axi_k_rlast,
    input  logic [Ways-1:0]                               m_axi_k_rvalid,
    output logic [Ways-1:0]                               m_axi_k_rready,
    output logic [Ways-1:0][IdW-1:0]                      m_axi_k_awid,
    output logic [Ways-1:0][AddrW-1:0]                    m_axi_k_awaddr,
    output logic [Ways-1:0][7:0]                          m_axi_k_awlen,
    output logic [Ways-1:0][2:0]                          m_axi_k_awsize,
    output logic [Ways-1:0][1:0]                          m_axi_k_awburst,
    output logic [Ways-1:0][3:0]                          m_axi_k_awcache,
    output logic [Ways-1:0][2:0]                          m_axi_k_awprot,
    output logic [Ways-1:0]                               m_axi_k_awvalid,
    input  logic [Ways-1:0]                               m_axi_k_awready,
    output logic [Ways-1:0][16*Lanes-1:0]                 m_axi_k_wdata,
    output logic [Ways-1:0][2*Lanes-1:0]                  m_axi_k_wstrb,
    output logic [Ways-1:0]                               m_axi_k_wlast,
    output logic [Ways-1:0]                               m_axi_k_wvalid,
    input  logic [Ways-1:0]                               m_axi_k_wready,
    input  logic [Ways-1:0][IdW-1:0]                      m_axi_k_bid,
    input  logic [Ways-1:0][1:0]                          m_axi_k_bresp,
    input  logic [Ways-1:0]                               m_axi_k_bvalid,
    output logic [Ways-1:0]                               m_axi_k_bready,
    // AXI4, values of each way
    output logic [Ways-1:0][IdW-1:0]                      m_axi_v_arid,
    output logic [Ways-1:0][AddrW-1:0]                    m_axi_v_araddr,
    output logic [Ways-1:0][7:0]                          m_axi_v_arlen,
    output logic [Ways-1:0][2:0]                          m_axi_v_arsize,
    output logic [Ways-1:0][1:0]                          m_axi_v_arburst,
    output logic [Ways-1:0][3:0]                          m_axi_v_arcache,
    output logic [Ways-1:0][2:0]                          m_axi_v_arprot,
    output logic [Ways-1:0]                               m_axi_v_arvalid,
    input  logic [Ways-1:0]                               m_axi_v_arready,
    input  logic [Ways-1:0][IdW-1:0]                      m_axi_v_rid,
    input  logic [Ways-1:0][16*Lanes-1:0]                 m_axi_v_rdata,
    input  logic [Ways-1:0][1:0]                          m_axi_v_rresp,
    input  logic [Ways-1:0]                               m_axi_v_rlast,
    input  logic [Ways-1:0]                               m_axi_v_rvalid,
    output logic [Ways-1:0]                               m_axi_v_rready,
    output logic [Ways-1:0][IdW-1:0]                      m_axi_v_awid,
    output logic [Ways-1:0][AddrW-1:0]                    m_axi_v_awaddr,
    output logic [Ways-1:0][7:0]                          m_axi_v_awlen,
    output logic [Ways-1:0][2:0]                          m_axi_v_awsize,
    output logic [Ways-1:0][1:0]                          m_axi_v_awburst,
    output logic [Ways-1:0][3:0]                          m_axi_v_awcache,
    output logic [Ways-1:0][2:0]                          m_axi_v_awprot,
    output logic [Ways-1:0]                               m_axi_v_awvalid,
    input  logic [Ways-1:0]                               m_axi_v_awready,
    output logic [Ways-1:0][16*Lanes-1:0]                 m_axi_v_wdata,
    output logic [Ways-1:0][2*Lanes-1:0]                  m_axi_v_wstrb,
    output logic [Ways-1:0]                               m_axi_v_wlast,
    output logic [Ways-1:0]                               m_axi_v_wvalid,
    input  logic [Ways-1:0]                               m_axi_v_wready,
    input  logic [Ways-1:0][IdW-1:0]                      m_axi_v_bid,
    input  logic [Ways-1:0][1:0]                          m_axi_v_bresp,
    input  logic [Ways-1:0]                               m_axi_v_bvalid,
    output logic [Ways-1:0]                               m_axi_v_bready,
    // control and status
    input  logic                                    stop_i,            // take nothing any more; count only the memory as busy
    input  logic                                    clear_i,
    output logic                                    busy_o,            // a token taken is not delivered or not written yet, or a clear
    output logic                                    idle_o,            // !busy_o
    output logic                                    error_o,
    output fault_e                                  error_fault_o,
    output logic [3:0]                              error_cause_o,     // of hbm_streamer_pkg, if it was memory
    output logic [AddrW-1:0]                        error_addr_o       // if it was memory
);
  localparam int unsigned WayDim = MaxHeadDim / Ways;
  localparam int unsigned MaxBeats = (WayDim <= Lanes) ? 1 : 1 << $clog2((WayDim + Lanes - 1) / Lanes);
  localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1;
  localparam int unsigned RowW = $clog2(Lanes * MaxBeats / Quad);
  localparam int unsigned Places = 128;  // scores between score and softmax

  if (Ways != 1 && Ways != 2 && Ways != 4) $error("%m: Ways is %0d, allowed: 1, 2, 4", Ways);
  if (QHeads < 1 || QHeads > 15) $error("%m: QHeads is %0d, allowed: 1 to 15", QHeads);
  if (MaxHeadDim < 16 * Ways || MaxHeadDim > 256 || MaxHeadDim != 1 << $clog2(MaxHeadDim))
    $error("%m: MaxHeadDim is %0d, allowed: powers of two from %0d to 256", MaxHeadDim, 16 * Ways);
  if (KvBits != 8 && KvBits != 16) $error("%m: KvBits is %0d, allowed: 8, 16", KvBits);
  if (KvBits == 8 && Ways > 1) $error("%m: KvBits is 8, allowed: 16, as Ways is %0d", Ways);
  if (KvBits == 8 && MaxHeadDim < 32) $error("%m: MaxHeadDim is %0d, allowed: from 32, as KvBits is 8", MaxHeadDim);
  if (AddrW <= 32 || AddrW > 64) $error("%m: AddrW is %0d, allowed: 33 to 64", AddrW);
  if (KvBeats < 4) $error("%m: KvBeats is %0d, allowed: >= 4", KvBeats);

  // ---- stop and clear ------------------------------------------------------------------------------------------------
  logic clear_q, clearing, error_q, core_rst_n, quiet, refused, bases_good;
  logic [Ways-1:0] way_idle, way_written, k_read_error, k_write_error, v_read_error, v_write_error;
  hbm_streamer_pkg::cause_e k_read_cause[Ways], k_write_cause[Ways], v_read_cause[Ways], v_write_cause[Ways];
  logic [Ways-1:0][AddrW-1:0] k_read_addr, k_write_addr, v_read_addr, v_write_addr;
  fault_e fault;  // now, of the first way that has one
  logic [3:0] cause;
  logic [AddrW-1:0] addr;
  wire stop = error_q || clear_q || stop_i;
  assign clearing = clear_i || clear_q;
  assign core_rst_n = rst_ni && !clear_q;
  assign quiet = &way_idle;

  always_comb begin
    bases_good = 1'b1;
    fault = refused ? FaultCommand : FaultNone;
    cause = '0;
    addr  = v_write_addr[0];
    for (int w = Ways - 1; w >= 0; w--) begin
      if (key_base_i[w][4:0] != '0 || value_base_i[w][4:0] != '0) bases_good = 1'b0;
      if (v_write_error[w]) {fault, cause, addr} = {FaultWriteV, 4'(v_write_cause[w]), v_write_addr[w]};
      if (k_write_error[w]) {fault, cause, addr} = {FaultWriteK, 4'(k_write_cause[w]), k_write_addr[w]};
      if (v_read_error[w]) {fault, cause, addr} = {FaultReadV, 4'(v_read_cause[w]), v_read_addr[w]};
      if (k_read_error[w]) {fault, cause, addr} = {FaultReadK, 4'(k_read_cause[w]), k_read_addr[w]};
    end
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
      error_cause_o <= cause;
      error_addr_o  <= addr;
    end
  end
  assign error_o = error_q;

  // ---- tokens --------------------------------------------------------------------------------------------------------
  logic [7:0] tokens_q;  // taken and not delivered
  wire taken = s_cmd_tvalid && s_cmd_tready;
  wire delivered = m_axis_tvalid && m_axis_tready && m_axis_tlast;
  always_ff @(posedge clk_i) begin
    if (!core_rst_n) tokens_q <= '0;
    else tokens_q <= tokens_q + 8'(taken) - 8'(delivered);
  end
  assign busy_o = clear_q || !quiet || (tokens_q != '0 && !error_q && !stop_i);
  assign idle_o = !busy_o;

  job_t job;
  logic [AddrW-6:0] line_k, line_v;
  logic [Ways-1:0] way_room;
  logic job_valid, q_room;
  wire job_ready = &way_room && q_room;
  wire spread = job_valid && job_ready;
  attention_judge #(
      .Ways(Ways), .KvBits(KvBits), .AddrW(AddrW), .QHeads(QHeads), .MaxHeadDim(MaxHeadDim)
  ) u_judge (
      .clk_i, .rst_ni(core_rst_n), .stop_i(stop), .bases_good_i(bases_good), .written_i(&way_written),
      .s_cmd_position, .s_cmd_max_context, .s_cmd_cache_k, .s_cmd_cache_v, .s_cmd_heads, .s_cmd_kv_heads, .s_cmd_head_dim,
      .s_cmd_scale, .s_cmd_tvalid, .s_cmd_tready,
      .m_job_o(job), .m_line_k_o(line_k), .m_line_v_o(line_v), .m_valid_o(job_valid), .m_ready_i(job_ready),
      .refused_o(refused)
  );

  // ---- q, scores, softmax ----------------------------------------------------------------------------------------------
  group_t group, made;
  logic group_valid, group_done, made_valid, made_room, q_in_ready;
  logic [BeatW-1:0] q_beat;
  logic [Ways-1:0][QHeads-1:0][32*Lanes-1:0] q;
  assign s_axis_q_tready = q_in_ready && !stop;
  attention_query #(.Ways(Ways), .QHeads(QHeads), .MaxBeats(MaxBeats)) u_query (
      .clk_i, .rst_ni(core_rst_n), .s_job_i(job), .s_job_valid_i(spread), .s_job_ready_o(q_room),
      .s_axis_tdata(s_axis_q_tdata), .s_axis_tvalid(s_axis_q_tvalid && !stop), .s_axis_tready(q_in_ready),
      .m_group_o(group), .m_valid_o(group_valid), .m_ready_i(group_done),
      .made_o(made_valid), .m_made_o(made), .made_room_i(made_room), .beat_i(q_beat), .q_o(q)
  );

  logic [Ways-1:0][QHeads-1:0][31:0] dot;
  logic [QHeads-1:0][31:0] score;
  logic [Ways-1:0] k_end, k_last, k_valid;  // the same in every way, when it is there
  logic k_ready, score_last, score_valid, score_popped;
  wire k_take = &k_valid && k_ready;
  attention_score #(.Ways(Ways), .QHeads(QHeads), .MaxBeats(MaxBeats), .Places(Places)) u_score (
      .clk_i, .rst_ni(core_rst_n), .s_end_i(k_end[0]), .s_last_i(k_last[0]), .s_valid_i(&k_valid),
      .s_ready_o(k_ready), .group_i(group), .group_valid_i(group_valid), .group_done_o(group_done), .beat_o(q_beat),
      .dot_i(dot), .m_score_o(score), .m_last_o(score_last), .m_valid_o(score_valid), .popped_i(score_popped)
  );

  logic [QHeads-1:0][31:0] word;
  logic word_head, word_end, word_valid, word_ready;
  block_t word_block;
  attention_softmax #(.QHeads(QHeads), .Places(Places)) u_softmax (
      .clk_i, .rst_ni(core_rst_n), .s_score_i(score), .s_last_i(score_last), .s_valid_i(score_valid),
      .popped_o(score_popped), .m_word_o(word), .m_head_o(word_head), .m_end_o(word_end), .m_block_o(word_block),
      .m_valid_o(word_valid), .m_ready_i(word_ready)
  );

  // ---- values, results ---------------------------------------------------------------------------------------------------
  logic [31:0] factor;
  logic factor_valid, factor_ready;
  attention_total #(.QHeads(QHeads)) u_total (
      .clk_i, .rst_ni(core_rst_n), .s_word_i(word), .s_head_i(word_head), .s_end_i(word_end), .s_block_i(word_block),
      .s_valid_i(word_valid && word_ready), .m_factor_o(factor), .m_valid_o(factor_valid), .m_ready_i(factor_ready)
  );

  logic [Ways-1:0][4:0] block_beats;
  logic [Ways-1:0] block_valid;
  logic block_take, block_release, end_valid, due, free, result_bank;
  logic [BeatW-1:0] read_beat;
  logic [3:0] read_lane;
  logic [Lanes-1:0] seen;
  logic [QHeads-1:0][32*Lanes-1:0] p;
  logic [QHeads-1:0][31:0] alpha;
  logic [7:0] column_read;
  column_t column_end;
  logic [RowW-1:0] result_row;
  logic [Ways-1:0][QHeads-1:0][Quad-1:0][31:0] result;
  attention_value #(.QHeads(QHeads), .MaxBeats(MaxBeats)) u_value (
      .clk_i, .rst_ni(core_rst_n), .s_word_i(word), .s_head_i(word_head), .s_end_i(word_end), .s_block_i(word_block),
      .s_valid_i(word_valid), .s_ready_o(word_ready), .v_beats_i(block_beats[0]), .v_valid_i(&block_valid),
      .v_take_o(block_take), .v_release_o(block_release), .v_beat_o(read_beat), .v_lane_o(read_lane), .seen_o(seen),
      .p_o(p), .alpha_o(alpha), .read_o(column_read), .end_o(column_end), .end_valid_o(end_valid),
      .due_o(due), .free_i(free)
  );
  attention_finish #(.Ways(Ways), .QHeads(QHeads), .MaxBeats(MaxBeats)) u_finish (
      .clk_i, .rst_ni(core_rst_n), .s_group_i(made), .s_group_valid_i(made_valid), .s_group_room_o(made_room),
      .s_factor_i(factor), .s_factor_valid_i(factor_valid), .s_factor_ready_o(factor_ready),
      .due_i(due), .free_o(free), .result_bank_o(result_bank), .result_row_o(result_row), .result_i(result),
      .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready
  );

  // ---- ways ----------------------------------------------------------------------------------------------------------------
  logic [Ways-1:0] way_k_ready, way_v_ready;
  assign s_axis_k_tready = &way_k_ready && !stop;
  assign s_axis_v_tready = &way_v_ready && !stop;
  for (genvar w = 0; w < Ways; w++) begin : gen_ways
    attention_way #(
        .QHeads(QHeads), .MaxBeats(MaxBeats), .KvBits(KvBits), .AddrW(AddrW), .IdW(IdW), .ReadBeats(ReadBeats),
        .WindowBytes(WindowBytes), .KvBeats(KvBeats), .Blocks(Blocks)
    ) u_way (
        .clk_i, .rst_ni, .core_rst_ni(core_rst_n), .clear_i(clearing),
        .s_job_i(job), .s_line_k_i(line_k), .s_line_v_i(line_v), .base_k_i(key_base_i[w][AddrW-1:5]),
        .base_v_i(value_base_i[w][AddrW-1:5]), .s_job_valid_i(spread), .s_job_ready_o(way_room[w]),
        .s_axis_k_tdata(s_axis_k_tdata[w]), .s_axis_k_tvalid(s_axis_k_tvalid && s_axis_k_tready),
        .s_axis_k_tready(way_k_ready[w]),
        .s_axis_v_tdata(s_axis_v_tdata[w]), .s_axis_v_tvalid(s_axis_v_tvalid && s_axis_v_tready),
        .s_axis_v_tready(way_v_ready[w]),
        .k_end_o(k_end[w]), .k_last_o(k_last[w]), .k_valid_o(k_valid[w]), .k_ready_i(k_take), .q_i(q[w]), .dot_o(dot[w]),
        .block_beats_o(block_beats[w]), .block_valid_o(block_valid[w]), .block_take_i(block_take),
        .block_release_i(block_release), .read_beat_i(read_beat), .read_lane_i(read_lane), .seen_i(seen), .p_i(p),
        .alpha_i(alpha), .column_read_i(column_read), .column_end_i(column_end), .end_valid_i(end_valid),
        .result_bank_i(result_bank), .result_row_i(result_row), .result_o(result[w]),
        .written_o(way_written[w]), .idle_o(way_idle[w]),
        .k_read_error_o(k_read_error[w]), .k_read_cause_o(k_read_cause[w]), .k_read_addr_o(k_read_addr[w]),
        .k_write_error_o(k_write_error[w]), .k_write_cause_o(k_write_cause[w]), .k_write_addr_o(k_write_addr[w]),
        .v_read_error_o(v_read_error[w]), .v_read_cause_o(v_read_cause[w]), .v_read_addr_o(v_read_addr[w]),
        .v_write_error_o(v_write_error[w]), .v_write_cause_o(v_write_cause[w]), .v_write_addr_o(v_write_addr[w]),
        .m_axi_k_arid(m_axi_k_arid[w]), .m_axi_k_araddr(m_axi_k_araddr[w]), .m_axi_k_arlen(m_axi_k_arlen[w]),
        .m_axi_k_arsize(m_axi_k_arsize[w]), .m_axi_k_arburst(m_axi_k_arburst[w]), .m_axi_k_arcache(m_axi_k_arcache[w]),
        .m_axi_k_arprot(m_axi_k_arprot[w]), .m_axi_k_arvalid(m_axi_k_arvalid[w]), .m_axi_k_arready(m_axi_k_arready[w]),
        .m_axi_k_rid(m_axi_k_rid[w]), .m_axi_k_rdata(m_axi_k_rdata[w]), .m_axi_k_rresp(m_axi_k_rresp[w]),
        .m_axi_k_rlast(m_axi_k_rlast[w]), .m_axi_k_rvalid(m_axi_k_rvalid[w]), .m_axi_k_rready(m_axi_k_rready[w]),
        .m_axi_k_awid(m_axi_k_awid[w]), .m_axi_k_awaddr(m_axi_k_awaddr[w]), .m_axi_k_awlen(m_axi_k_awlen[w]),
        .m_axi_k_awsize(m_axi_k_awsize[w]), .m_axi_k_awburst(m_axi_k_awburst[w]), .m_axi_k_awcache(m_axi_k_awcache[w]),
        .m_axi_k_awprot(m_axi_k_awprot[w]), .m_axi_k_awvalid(m_axi_k_awvalid[w]), .m_axi_k_awready(m_axi_k_awready[w]),
        .m_axi_k_wdata(m_axi_k_wdata[w]), .m_axi_k_wstrb(m_axi_k_wstrb[w]), .m_axi_k_wlast(m_axi_k_wlast[w]),
        .m_axi_k_wvalid(m_axi_k_wvalid[w]), .m_axi_k_wready(m_axi_k_wready[w]), .m_axi_k_bid(m_axi_k_bid[w]),
        .m_axi_k_bresp(m_axi_k_bresp[w]), .m_axi_k_bvalid(m_axi_k_bvalid[w]), .m_axi_k_bready(m_axi_k_bready[w]),
        .m_axi_v_arid(m_axi_v_arid[w]), .m_axi_v_araddr(m_axi_v_araddr[w]), .m_axi_v_arlen(m_axi_v_arlen[w]),
        .m_axi_v_arsize(m_axi_v_arsize[w]), .m_axi_v_arburst(m_axi_v_arburst[w]), .m_axi_v_arcache(m_axi_v_arcache[w]),
        .m_axi_v_arprot(m_axi_v_arprot[w]), .m_axi_v_arvalid(m_axi_v_arvalid[w]), .m_axi_v_arready(m_axi_v_arready[w]),
        .m_axi_v_rid(m_axi_v_rid[w]), .m_axi_v_rdata(m_axi_v_rdata[w]), .m_axi_v_rresp(m_axi_v_rresp[w]),
        .m_axi_v_rlast(m_axi_v_rlast[w]), .m_axi_v_rvalid(m_axi_v_rvalid[w]), .m_axi_v_rready(m_axi_v_rready[w]),
        .m_axi_v_awid(m_axi_v_awid[w]), .m_axi_v_awaddr(m_axi_v_awaddr[w]), .m_axi_v_awlen(m_axi_v_awlen[w]),
        .m_axi_v_awsize(m_axi_v_awsize[w]), .m_axi_v_awburst(m_axi_v_awburst[w]), .m_axi_v_awcache(m_axi_v_awcache[w]),
        .m_axi_v_awprot(m_axi_v_awprot[w]), .m_axi_v_awvalid(m_axi_v_awvalid[w]), .m_axi_v_awready(m_axi_v_awready[w]),
        .m_axi_v_wdata(m_axi_v_wdata[w]), .m_axi_v_wstrb(m_axi_v_wstrb[w]), .m_axi_v_wlast(m_axi_v_wlast[w]),
        .m_axi_v_wvalid(m_axi_v_wvalid[w]), .m_axi_v_wready(m_axi_v_wready[w]), .m_axi_v_bid(m_axi_v_bid[w]),
        .m_axi_v_bresp(m_axi_v_bresp[w]), .m_axi_v_bvalid(m_axi_v_bvalid[w]), .m_axi_v_bready(m_axi_v_bready[w])
    );
  end
  wire unused = ^{k_end, k_last, block_beats};

  stream_checker #(.Width(32 * Lanes * Ways + 1)) u_out_rules (
      .clk_i, .rst_ni(core_rst_n && !clear_i), .valid_i(m_axis_tvalid), .ready_i(m_axis_tready),
      .data_i({m_axis_tlast, m_axis_tdata})
  );
  a_tokens :
  assert property (@(posedge clk_i) disable iff (!core_rst_n) delivered |-> tokens_q != '0);
  a_ways :  // in step
  assert property (@(posedge clk_i) disable iff (!core_rst_n)
      k_take |-> k_end == {Ways{k_end[0]}} && k_last == {Ways{k_last[0]}});
  a_tidy :  // neither a subnormal nor another NaN
  assert property (@(posedge clk_i) disable iff (!core_rst_n) m_axis_tvalid |->
      (m_axis_tdata[30:23] != '0 || m_axis_tdata[22:0] == '0) &&
      (m_axis_tdata[30:23] != '1 || m_axis_tdata[22:0] == '0 || m_axis_tdata[31:0] == fp32_pkg::QuietNan));
  a_sticky :
  assert property (@(posedge clk_i) disable iff (!core_rst_n || clear_i)
      error_o |=> error_o && $stable({error_fault_o, error_cause_o, error_addr_o}));
endmodule
